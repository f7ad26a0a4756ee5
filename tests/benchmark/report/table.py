"""A table, for a terminal or for Markdown."""

from dataclasses import dataclass, field


@dataclass
class Table:
    columns: list[str]
    rows: list[list[str]] = field(default_factory=list)
    # Columns of words; the others are numbers and stand to the right.
    words: frozenset[int] = frozenset({0})

    def add(self, *cells: object) -> None:
        if len(cells) != len(self.columns):
            raise ValueError(f"{len(cells)} cells for {len(self.columns)} columns: {cells}")
        self.rows.append([str(cell) for cell in cells])

    def to_text(self) -> str:
        widths = [max(len(row[i]) for row in [self.columns, *self.rows]) for i in range(len(self.columns))]

        def line(cells: list[str]) -> str:
            padded = [
                cell.ljust(width) if i in self.words else cell.rjust(width)
                for i, (cell, width) in enumerate(zip(cells, widths, strict=True))
            ]
            return "  ".join(padded).rstrip()

        return "\n".join([line(self.columns), "  ".join("-" * width for width in widths), *map(line, self.rows)])

    def to_markdown(self) -> str:
        def line(cells: list[str]) -> str:
            return "| " + " | ".join(cells) + " |"

        rule = "|" + "|".join("---" if i in self.words else "---:" for i in range(len(self.columns))) + "|"
        return "\n".join([line(self.columns), rule, *map(line, self.rows)])


@dataclass
class Section:
    title: str
    # What was measured and how to read it.
    text: str
    tables: list[Table]
