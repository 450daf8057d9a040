"""Write the blocking client from the async one.

    python -P tools/unasync.py [directory]

Every file of `client/_async` becomes a file of `client/_sync` (or of the directory), but
those in HANDMADE. `AsyncX` becomes `X`, `await` goes, a line that ends with `# async only`
goes too. Docstrings are not translated, so they name neither form.
"""

import re
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:] = [entry for entry in sys.path if Path(entry or ".").resolve() != HERE]

import unasync  # noqa: E402  # the library, not this file, whose name it has

ROOT = HERE.parent
SOURCE = ROOT / "src/tallybook/client/_async"
TARGET = ROOT / "src/tallybook/client/_sync"
HANDMADE = frozenset({"__init__.py", "verbs.py"})
ASYNC_ONLY = re.compile(r".*# async only\n")
NAMES = {"asyncio": "time", "aclose": "close", "_async": "_sync"}
ASYNC_NAME = re.compile(r"\bAsync(?=[A-Z])")
ASYNC_WORD = re.compile(r"\bAsync[A-Z]\w*")
"""Quoted annotations are translated as names are, not being docstrings."""
QUOTED = re.compile(r'(?<!")"(?!")[^"\n]*"(?!")')


def generate(target: Path = TARGET) -> list[Path]:
    """Return the files written to the target."""
    sources = sorted(path for path in SOURCE.glob("*.py") if path.name not in HANDMADE)
    target.mkdir(parents=True, exist_ok=True)
    written = []
    for source in sources:
        file = target / source.name
        file.write_text(_tidy(_translate(source.read_text()), source.name))
        written.append(file)
    return written


def _translate(code: str) -> str:
    code = "".join(line for line in code.splitlines(True) if not ASYNC_ONLY.fullmatch(line))
    code = QUOTED.sub(lambda match: ASYNC_NAME.sub("", match.group()), code)
    names = NAMES | {word: word.removeprefix("Async") for word in ASYNC_WORD.findall(code)}
    with tempfile.TemporaryDirectory() as scratch:
        before, after = Path(scratch, "_async", "file.py"), Path(scratch, "_sync", "file.py")
        before.parent.mkdir()
        before.write_text(code)
        rule = unasync.Rule("/_async/", "/_sync/", additional_replacements=names)
        unasync.unasync_files([str(before)], [rule])
        return after.read_text()


def _tidy(code: str, name: str) -> str:
    """Sort the imports anew and format: shorter names fall into other lines."""
    place = f"src/tallybook/client/_sync/{name}"
    for command in (
        [
            "check",
            "--quiet",
            "--select",
            "I,UP028",
            "--fix",
            "--unsafe-fixes",
            "--stdin-filename",
            place,
            "-",
        ],
        ["format", "--quiet", "--stdin-filename", place, "-"],
    ):
        code = subprocess.run(  # noqa: S603
            [sys.executable, "-m", "ruff", *command],
            input=code,
            capture_output=True,
            text=True,
            check=True,
            cwd=ROOT,
        ).stdout
    return code


if __name__ == "__main__":
    generate(*(Path(argument) for argument in sys.argv[1:2]))
