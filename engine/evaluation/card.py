"""What was measured, put into a model's card: the card's own words stay, what was measured before makes room."""

from __future__ import annotations

from pathlib import Path

from engine.types import UserError
from engine.writing import whole_file

# Lines that Markdown takes for definitions of links and doesn't show, as our own page does with HTML's comments.
BEGIN, END = "[//]: # (evaluate, {}: begin)", "[//]: # (evaluate, {}: end)"


def put_into(text: str, name: str, section: str, card: str) -> str:
    """The card's `text` with `section` (Markdown) between the marks of `name`: where they are, else at the end.

    card: what errors call it. Raises UserError where the marks are not one pair.
    """
    begin, end = BEGIN.format(name), END.format(name)
    marked = f"{begin}\n\n{section.strip()}\n\n{end}"
    if begin not in text and end not in text:
        return f"{text.rstrip()}\n\n{marked}\n".lstrip()
    before, _, rest = text.partition(begin)
    _, found, after = rest.partition(end)
    if not found or begin in rest or end in before + after:
        raise UserError(f"{card} has not one “{begin}” with one “{end}” below it. Take out what is left of them.")
    return before + marked + after


def read_card(path: Path) -> str:
    """The text of a card; one that isn't there yet is begun with the model's name. Raises UserError."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            return file.read()
    except FileNotFoundError:
        return f"# {path.stem}\n"
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path} can't be read ({error}). Give a text file in UTF-8.") from error


def write_card(path: Path, sections: dict[str, str], pictures: dict[str, Path]) -> None:
    """Puts each of the sections (by its name) into the card, and the pictures (by the name that they have in the text)
    beside it. Raises UserError; then the card is as it was.
    """
    text = read_card(path)
    for name, section in sections.items():
        text = put_into(text, name, section, path.name)
    for name, source in pictures.items():
        with whole_file(path.with_name(name)) as file:
            file.write(source.read_bytes())
    with whole_file(path) as file:
        file.write(text.encode())
