"""The script that somebody without zkdps writes: witness and proof of every block, in a row.

Run as `python -P benches/bare_prove.py JOB.json`, so that it imports ezkl and nothing of ours.  A
job names the model's inputs as field elements, and for every block its tensors and its files.
"""

import asyncio
import inspect
import json
import sys
from pathlib import Path
from typing import Any

import ezkl


async def call(function: Any, *args: Any) -> Any:
    """Some functions return awaitables inside a running loop."""
    result = function(*args)
    return await result if inspect.isawaitable(result) else result


async def prove(job: dict[str, Any]) -> None:
    """Prove the job's blocks in order, each fed what the ones before wrote."""
    known, folder = dict(job["inputs"]), Path(job["folder"])
    for index, block in enumerate(job["blocks"]):
        inputs, witness, proof = (
            str(folder / f"{index}.{kind}.json") for kind in ("input", "witness", "proof")
        )
        values = [known[name] for name in block["inputs"]]
        Path(inputs).write_text(json.dumps({"input_data": values}))
        await call(ezkl.gen_witness, inputs, block["circuit"], witness)
        outputs = json.loads(Path(witness).read_text())["outputs"]
        known.update(zip(block["outputs"], outputs, strict=True))
        await call(ezkl.prove, witness, block["circuit"], block["pk"], proof, block["srs"])
        if job["verify"]:
            files = (proof, block["settings"], block["vk"], block["srs"])
            if await call(ezkl.verify, *files) is not True:
                sys.exit(f"block {index} does not verify")


if __name__ == "__main__":
    asyncio.run(prove(json.loads(Path(sys.argv[1]).read_text())))
