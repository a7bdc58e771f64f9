"""What the pages of docs/ promise, read from their Markdown.

Of the guide: each ```python block is a program, and the ```text block behind it what it prints. A comment before it says what is
special:

    <!-- only ferrio: --nested; asyncio says: RuntimeError: … -->   run with that option; asyncio ends with these words on stderr
    <!-- cell -->                                                   a cell of a notebook, run in a kernel
    <!-- cell; only ferrio; asyncio says: RuntimeError -->          the same, in a kernel of ferrio's

Of the recipes: a section has files (```python title="app.py"), one command for a shell (the first ```sh block whose comment is
`<!-- run -->` or `<!-- serve -->`) and the ```text block behind it: what it prints, or what a server answers to GET /.
"""

import dataclasses
import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
GUIDE = DOCS / "guide"

_PROGRAM = re.compile(
    r"(?:^<!-- (?P<mark>[^\n]*) -->\n)?^```python\n(?P<code>.*?)^```\n(?:\n```text\n(?P<printed>.*?)^```\n)?", re.M | re.S
)
_FILE = re.compile(r'^```python title="(?P<name>[\w/.]+)"\n(?P<code>.*?)^```\n', re.M | re.S)
_COMMANDS = re.compile(
    r"^<!-- (?P<kind>run|serve) -->\n```sh\n(?P<command>[^\n]*)\n```\n\n```text\n(?P<printed>.*?)^```\n", re.M | re.S
)


@dataclasses.dataclass(frozen=True)
class Program:
    page: str  # "04-task"
    number: int  # on its page, from 1
    code: str
    printed: str | None
    mark: str

    @property
    def id(self):
        return f"{self.page}-{self.number}"

    @property
    def is_cell(self):
        return self.mark.startswith("cell")

    @property
    def only_ferrio(self):
        return "only ferrio" in self.mark

    @property
    def options(self):
        """Of ``python -m ferrio``."""
        return re.findall(r"--\w+", self.mark)

    @property
    def asyncio_says(self):
        return self.mark.partition("asyncio says: ")[2]


def programs(path):
    """The programs of a page of the guide, in its order."""
    return [
        Program(path.stem, number, found["code"], found["printed"], found["mark"] or "")
        for number, found in enumerate(_PROGRAM.finditer(path.read_text()), 1)
    ]


@dataclasses.dataclass(frozen=True)
class Recipe:
    title: str
    kind: str  # "run" or "serve"
    command: str
    printed: str
    files: tuple  # of (name, content)


def recipes(path):
    """The commands of the recipes, each with the files of its section."""
    found = []
    for section in re.split(r"^## ", path.read_text(), flags=re.M)[1:]:
        title = section.partition("\n")[0]
        files = tuple((file["name"], file["code"]) for file in _FILE.finditer(section))
        for each in _COMMANDS.finditer(section):
            found.append(Recipe(title, each["kind"], each["command"], each["printed"], files))
    return found
