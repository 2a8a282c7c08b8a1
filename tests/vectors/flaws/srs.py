"""Keys whose trusted set-up is not what they say."""

from __future__ import annotations

import functools
from dataclasses import replace

from tests.vectors.edits import rebound, srs_of, with_srs, with_trust
from tests.vectors.flaws.registry import Flawed, flaw
from tests.vectors.stored import Stored
from zkdps.core import bn254
from zkdps.core.model_key import ModelKey
from zkdps.core.srs import SrsKind
from zkdps.provers.ezkl.srs_format import G2_GENERATOR, Srs, parse

BASE = "honest_polycommit"
CLAIMED = "a ceremony that never was"
# [2]₂: what [s]₂ is for the secret 2.
TWICE_G2 = (
    (
        18029695676650738226693292988307914797657423701064905010927197838374790804409,
        14583779054894525174450323658765874724019480979794335525732096752006891875705,
    ),
    (
        2140229616977736810657479771656733941598412651537078903776637920509952744750,
        11474861747383700316476719153975578001603231366361248090558603872215261634898,
    ),
)


def _bound(stored: Stored, key: ModelKey) -> Flawed:
    """The honest run under the flawed key, so that its digest is not what fails."""
    return Flawed(rebound(stored.run(BASE), key), key)


@functools.cache
def _another_secret() -> bytes:
    """The verifier part of an SRS whose secret is 2."""
    twice = bn254.multiply(bn254.GENERATOR, 2)
    half = pow(2, -1, bn254.ORDER)
    lagrange = [
        bn254.multiply(bn254.GENERATOR, 3 * half % bn254.ORDER),
        bn254.multiply(bn254.GENERATOR, -half % bn254.ORDER),
    ]
    return Srs(1, [bn254.GENERATOR, twice], lagrange, G2_GENERATOR, TWICE_G2).to_bytes()


@flaw(
    "srs_of_another_secret",
    "The key carries the verifier part of an SRS with another secret than the proofs were made.",
    check=5,
    block=0,
    says="the proof is invalid",
)
def _(stored: Stored) -> Flawed:
    key = with_srs(stored.key("polycommit"), kind=SrsKind.CEREMONY, source=CLAIMED)
    return _bound(stored, with_trust(key, _another_secret()))


@flaw(
    "development_srs_claimed_as_ceremony",
    "The key says that its SRS is a ceremony's, and carries the development SRS.",
    check=3,
    says="the kind of the SRS is not what the key says: expected development, got ceremony",
)
def _(stored: Stored) -> Flawed:
    key = stored.key("polycommit")
    return _bound(stored, with_srs(key, kind=SrsKind.CEREMONY, source=CLAIMED))


@flaw(
    "other_srs_claimed_as_development",
    "The key says that its SRS is the development one, and carries another.",
    check=3,
    says="the kind of the SRS is not what the key says: expected ceremony, got development",
)
def _(stored: Stored) -> Flawed:
    return _bound(stored, with_trust(stored.key("polycommit"), _another_secret()))


@flaw(
    "srs_not_the_one_named",
    "The key names the development SRS by digest, and carries another.",
    check=3,
    says="the key carries another SRS than it names",
)
def _(stored: Stored) -> Flawed:
    key = replace(stored.key("polycommit"), trust={"srs-verifier.bin": _another_secret()})
    return _bound(stored, key)


@flaw(
    "srs_not_carried",
    "The key names an SRS, and carries none.",
    check=3,
    says="the key carries another SRS than it names",
)
def _(stored: Stored) -> Flawed:
    return _bound(stored, replace(stored.key("polycommit"), trust={}))


@flaw(
    "two_srs_carried",
    "The key carries a second SRS beside the one that it names.",
    check=3,
    says="the key carries another SRS than it names",
)
def _(stored: Stored) -> Flawed:
    key = stored.key("polycommit")
    trust = {**key.trust, "srs-verifier-2.bin": _another_secret()}
    return _bound(stored, replace(key, trust=trust))


@flaw(
    "srs_not_named",
    "The key names no SRS, carries the development one, and a ceremony's is demanded.",
    check=3,
    says="the key names no SRS, ezkl needs one",
)
def _(stored: Stored) -> Flawed:
    flawed = _bound(stored, replace(stored.key("polycommit"), srs=None))
    return replace(flawed, call={"require": ("production-srs",)})


@flaw(
    "srs_truncated",
    "The verifier part of the key's SRS lacks its last byte.",
    check=3,
    says="the key carries no well-formed SRS: 515 bytes",
)
def _(stored: Stored) -> Flawed:
    key = with_srs(stored.key("polycommit"), kind=SrsKind.CEREMONY, source=CLAIMED)
    return _bound(stored, with_trust(key, key.trust["srs-verifier.bin"][:-1]))


@flaw(
    "development_srs_disguised",
    "The development SRS with a point changed that no verifier reads passes for a ceremony's.",
    check=3,
    says="the kind of the SRS is not what the key says: expected development, got ceremony",
)
def _(stored: Stored) -> Flawed:
    key = with_srs(stored.key("polycommit"), kind=SrsKind.CEREMONY, source=CLAIMED)
    honest = parse(key.trust["srs-verifier.bin"])
    other = replace(honest, powers=[bn254.GENERATOR, bn254.GENERATOR])
    flawed = _bound(stored, with_trust(key, other.to_bytes()))
    return replace(flawed, call={"require": ("production-srs",)})


@flaw(
    "development_srs_padded",
    "The development SRS with a byte behind it passes for a ceremony's.",
    check=3,
    says="the key carries no well-formed SRS: 517 bytes",
)
def _(stored: Stored) -> Flawed:
    key = with_srs(stored.key("polycommit"), kind=SrsKind.CEREMONY, source=CLAIMED)
    flawed = _bound(stored, with_trust(key, key.trust["srs-verifier.bin"] + b"\x00"))
    return replace(flawed, call={"require": ("production-srs",)})


@flaw(
    "srs_with_a_zero_secret",
    "The key's SRS has the identity for [s]₂: a secret of zero, which makes every pairing one.",
    check=5,
    block=0,
    says="the proof is invalid",
)
def _(stored: Stored) -> Flawed:
    key = with_srs(stored.key("polycommit"), kind=SrsKind.CEREMONY, source=CLAIMED)
    honest = parse(key.trust["srs-verifier.bin"])
    return _bound(stored, with_trust(key, replace(honest, s_g2=((0, 0), (0, 0))).to_bytes()))


@flaw(
    "srs_logrows_out_of_bounds",
    "The key names a digest for an SRS of 2**99 points.",
    check=1,
    says="'99' is no logrows",
)
def _(stored: Stored) -> Flawed:
    key = stored.key("polycommit")
    digests = {**srs_of(key).digests, 99: "0" * 64}
    return _bound(stored, with_srs(key, digests=digests))
