"""What dbt wrote, as it is kept and told: without secrets, and under the place where it is kept."""

import os
import re
from pathlib import Path

from .text import SIZE_MOST

PATTERNS = ("manifest.json", "run_results*.json", "sources.json", "catalog.json", "index.html", "static_index.html")
# The files that dbt's messages name, of which as many are kept.
NAMED_MOST = 100
# Where dbt's page of documentation takes its data, if it is not to look for files beside it.
INLINE = re.compile(rb'"(MANIFEST|CATALOG)\.JSON INLINE DATA"')


class Files:
    """The directories that dbt writes to, and the names there that its messages tell."""

    def __init__(self, work, project, place, redact):
        self.work, self.target, self.logs = work, work / "target", work / "logs"
        self.place, self.redact, self.named = place, redact, set()
        here = (str(work), os.path.relpath(work, project))
        self.found = re.compile(rf"(?:{'|'.join(map(re.escape, here))})/(target|logs)(?:/([^\s'\"`)\],]*))?")

    def clean(self, text):
        """A text of dbt's without secrets and without the run's own directories."""
        return self.placed(self.redact(text))

    def placed(self, text):
        """A text with the run's own directories as the places where they are kept; the files that it names are kept too."""
        def place(found):
            if not found[2]:
                return found[1]
            name = found[2] if found[1] == "target" else f"logs/{found[2]}"
            if len(self.named) < NAMED_MOST:
                self.named.add(found[2])
            return f"{self.place}/{name}" if self.place else f"{found[1]}/{found[2]}"

        return self.found.sub(place, text) if self.work.name in text else text

    def artifacts(self):
        """The names of dbt's artifacts."""
        return [path.name for pattern in PATTERNS for path in self.target.glob(pattern)]

    def kept(self):
        """The artifacts' names, and what reads each, without secrets."""
        masked = {".json": self.redact.json, ".log": lambda data: self.clean(data.decode(errors="surrogateescape")).encode(errors="surrogateescape")}
        target = self.target.resolve()
        named = (path for path in map(target.joinpath, self.named.copy()) if path.resolve().is_relative_to(target) and path.is_file())
        found = {path.relative_to(target): path for path in [*(target / name for name in self.artifacts()), *named]}
        found |= {Path("logs", path.name): path for path in self.logs.glob("dbt.log*")}
        # The results first, in case that there is little time.
        for name, path in sorted(found.items(), key=lambda item: (not item[0].name.startswith("run_results"), item)):
            mask = masked[".log"] if name.parts[0] == "logs" else masked.get(path.suffix, self.redact.bytes)
            yield str(name), lambda path=path, mask=mask: mask(read(path))

    def documentation(self):
        """The page of dbt's documentation with its data in it, as `--static` makes it."""
        data = {name: self.redact.json(read(self.target / f"{name.lower().decode()}.json")) for name in (b"MANIFEST", b"CATALOG")}
        # In a script, < could end it.
        return INLINE.sub(lambda found: data[found[1]].replace(b"<", b"\\u003c"), read(self.target / "index.html"))


def read(path):
    """A file's content."""
    if path.stat().st_size > SIZE_MOST:
        raise ValueError(f"it is larger than {SIZE_MOST >> 20} MB")
    return path.read_bytes()
