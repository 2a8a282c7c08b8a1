"""Records to one self-contained page: no script, no network, no time stamp, the same bytes always.

Each page carries a Content-Security-Policy that allows its own style sheet, by digest, and nothing
else: whatever a file could smuggle past the escaping would still not run or call home.
"""

from __future__ import annotations

import base64
import hashlib
from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from zkdps.pages import plots, tables
from zkdps.pages.chain_picture import BOX_WIDTH, draw_chain
from zkdps.pages.findings import KeyFindings, RunFindings
from zkdps.pages.headline import bound_fact, headline_of_key, headline_of_run
from zkdps.pages.limits import limits_of_key, limits_of_run
from zkdps.pages.wording import legible


def run_page(findings: RunFindings) -> str:
    """The page of a run, verified or not."""
    key = findings.key
    marks = () if key is None else tables.run_marks(findings, key)
    digits = {} if key is None else tables.digits_of(findings, key)
    return _render(
        "run.html",
        findings=findings,
        key=key,
        headline=headline_of_run(findings),
        limits=limits_of_run(findings),
        checks=tables.check_lines(findings),
        picture=key and draw_chain(key.plan, marks, digits, tables.failed_places(findings)),
        boundaries=key and tables.boundary_rows(key, digits),
        blocks=key and tables.block_rows(findings, key),
        total=tables.total_words(findings),
        accuracy=findings.accuracy,
        bound=key and bound_fact(key),
        version=findings.version,
    )


def key_page(findings: KeyFindings) -> str:
    """The page of a model key."""
    key = findings.key
    return _render(
        "key.html",
        findings=findings,
        key=key,
        headline=headline_of_key(findings),
        limits=limits_of_key(findings),
        picture=draw_chain(key.plan, tables.key_marks(key), {}),
        boundaries=tables.boundary_rows(key, {}),
        accuracy=findings.accuracy,
        bound=key and bound_fact(key),
        version=findings.version,
    )


def _render(template: str, **values: object) -> str:
    environment = _environment()
    source = environment.loader.get_source(environment, "style.css")[0]  # type: ignore[union-attr]
    digest = base64.b64encode(hashlib.sha256(source.encode()).digest()).decode()
    return environment.get_template(template).render(
        **values,
        style=Markup(source),
        style_digest=digest,
        box_width=BOX_WIDTH,
        tables=tables,
        plots=plots,
    )


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("zkdps.pages"),
        autoescape=True,
        finalize=_finalize,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


def _finalize(value: object) -> object:
    """What every expression passes through before it is escaped; markup is ours and goes as is."""
    return value if isinstance(value, Markup) else legible(value)
