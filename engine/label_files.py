"""Label map files: dataset PNGs, colour-coded images and our own maps. Class indices are the document."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from engine.images import ImageFile, Source, alpha_of, errors_named, open_image, printable
from engine.label_colours import BLOCK, Ambiguity, Choices, ColourRead, bands, different, exact, read_colours
from engine.palette import Palette, load_palette, palette_names
from engine.types import MAX_INSTANCE, Instances, LabelMap, Photo, UserError
from engine.writing import Target, write_png

PALETTE_KEY = "spadework:palette"  # the PNG text chunk that names the palette of a map of ours
FEW = 4  # colours in the order of the Pascal VOC table that may be so by chance
UNLIKELY = 5.5  # mean distance in CIE Lab from a palette's colours: JPEG maps stay below 4.5, photos are above 6.5


@dataclass(frozen=True)
class LabelRead:
    """A label map as it was read, and how sure that is.

    labels: (H, W) uint8, class indices. how: "dataset values", "train ids", "display colours" or "standard colours".
    exact: no pixel was guessed. snapped: pixels whose colour was not the palette's: blends of two areas went to one of
    them, others to the nearest colour. ambiguous: the colours that several classes share; unlabelled was taken if it is
    one of them, else the first. strange: the colours of large areas that are no class's; the nearest was taken. Reading
    again with `choices` settles both. message: all this in plain words.
    """

    labels: LabelMap
    how: str
    exact: bool
    snapped: int
    ambiguous: tuple[Ambiguity, ...]
    message: str
    strange: tuple[Ambiguity, ...] = ()


NO_CHOICES: Choices = {}


def read_label_map(source: Source, palette: Palette, choices: Choices = NO_CHOICES) -> LabelRead:
    """Read a label map made for `palette`, be it painted here, the dataset's own file or colour-coded.

    choices: which class (index) a colour means, for colours that would else be guessed.

    - Grey (1 to 16 bits): the dataset's file values. In 16 bits one from 1000 is an instance: class × 1000 + number.
      Train ids (Cityscapes) are known by their 255 beside nothing above 18; without 255 they are read as file values,
      not exact.
    - Indexed colour: see `_indices_are_values`.
    - RGB: display or standard colours, whichever fits better; antialiased borders go to one of their two areas, other
      colours to the nearest one in CIE Lab. Grey pixels alone, whose values are all classes and whose colours are not
      all the palette's, are file values.
    - Layered paintings (.psd, .kra, .ora): the picture as a whole.
    - Less than half opaque: unlabelled.

    Raises UserError for a value outside the palette, a choice outside it, a map painted here with another palette, and
    what isn't an image.
    """
    file = open_image(source)
    painted = _palette_of(file)
    if painted not in (None, palette.name):
        raise UserError(
            f"{file.name} was painted with {_title(painted)}, not with {palette.title}. Open it with {_title(painted)}."
        )
    with errors_named(file.name):
        alpha = alpha_of(file.image)
        if alpha is None:
            return _read(file, np.ones(file.image.size[::-1], bool), palette, choices)
        return _with_alpha(_read(file, alpha >= 128, palette, choices), alpha, palette)


def palette_named_in(source: Source) -> str | None:
    """The name of the palette that a map was painted with, if the file names one of `palette_names()`.

    Anyone can write anything into a file, so no other name is passed on. Raises UserError.
    """
    name = _palette_of(open_image(source))
    return name if name in palette_names() else None


def read_instances(source: Source) -> NDArray[np.int32]:
    """A dataset's instance map, int32 (H, W): 8- or 16-bit grey, or the indices of indexed colour. Raises UserError."""
    file = open_image(source)
    values = _values(file)
    if values is None:
        raise UserError(f"{file.name} is in colour ({file.image.mode}). Give the grey PNG with the instance numbers.")
    return values.astype(np.int32)


def read_objects(source: Source) -> Instances:
    """The same within what a request takes, uint16 (H, W). Raises UserError where a number is outside."""
    numbers = read_instances(source)
    if not 0 <= numbers.min() <= numbers.max() <= MAX_INSTANCE:
        name = "The image" if isinstance(source, bytes) else printable(Path(source).name)
        raise UserError(
            f"{name} holds {numbers.min()} to {numbers.max()}, outside 0 to {MAX_INSTANCE}. "
            "Number the objects within that."
        )
    return numbers.astype(np.uint16)


def save_label_map(target: Target, labels: LabelMap, palette: Palette) -> None:
    """Write labels (H, W) as an 8-bit PNG: its indices the dataset's file values, its colours our display colours.

    `read_label_map` gives the same labels back, and other programs see the colours. Raises UserError.
    """
    image = Image.fromarray(palette.labels_to_file(labels))
    table = np.zeros((256, 3), np.uint8)
    table[palette.file_values] = palette.colours
    image.putpalette(table.tobytes())
    write_png(target, image, {PALETTE_KEY: palette.name})


def colour_map(labels: LabelMap, palette: Palette) -> Photo:
    """labels (H, W) -> their display colours, uint8 RGB (H, W, 3). Raises UserError for a label outside the palette."""
    palette.check(labels)
    return palette.colours[labels]


def _read(file: ImageFile, opaque: NDArray[np.bool_], palette: Palette, choices: Choices) -> LabelRead:
    """The map where it is `opaque` (H, W), unlabelled elsewhere. What is hidden doesn't count in any decision."""
    if not opaque.any():
        raise UserError(f"{file.name} is transparent everywhere. Paint it in opaque colours.")
    labels = np.full(opaque.shape, palette.unlabelled, np.uint8)
    read = _read_pixels(file, opaque, palette, choices)
    labels[opaque] = read.labels
    return replace(read, labels=labels)


def _read_pixels(file: ImageFile, opaque: NDArray[np.bool_], palette: Palette, choices: Choices) -> LabelRead:
    """As `_read`, but `labels` (n,) holds the opaque pixels alone."""
    lossy = file.image.format in ("JPEG", "MPO")
    values = _values(file)
    if values is not None:
        if lossy:
            raise UserError(f"{file.name} is a grey JPEG, whose compression changes class values. Save it as a PNG.")
        values = values[opaque]
        if file.image.mode != "P":
            return _from_grey(values, palette, file.name)
        if _indices_are_values(file.image, values, palette):
            return _from_values(values, palette, file.name)
    if not lossy and (greys := _greys(file.image, opaque)) is not None and _are_values(greys, palette):
        return _from_grey(greys, palette, file.name)
    return _from_colours(read_colours(file.image, opaque, palette, choices, lossy), palette)


def _greys(image: Image.Image, opaque: NDArray[np.bool_]) -> NDArray[np.uint8] | None:
    """(n,): the opaque pixels of a colour image that holds greys alone; None for another."""
    greys = []
    for rows, _, band in bands(image):
        pixels = band[opaque[rows]]
        if (pixels != pixels[:, :1]).any():
            return None
        greys.append(pixels[:, 0])
    return np.concatenate(greys)


def _with_alpha(read: LabelRead, alpha: NDArray[np.uint8], palette: Palette) -> LabelRead:
    """`read` saying what its opacity (H, W) has done to it."""
    counts = _counts(alpha)
    clear, half = int(counts[:128].sum()), int(counts[1:255].sum())
    message = read.message
    if clear:
        message += f" {_pixels(clear, 'transparent pixel')} became {palette.classes[palette.unlabelled].name}."
    if half:
        were = "was" if half == 1 else "were"
        message += f" {_pixels(half)} {were} half transparent: paint with a hard, opaque brush."
    return replace(read, exact=read.exact and not half, message=message)


def _palette_of(file: ImageFile) -> str | None:
    name = file.image.info.get(PALETTE_KEY)
    return str(name) if name else None


def _title(palette_name: str) -> str:
    if palette_name in palette_names():
        return load_palette(palette_name).title
    return f"the palette “{printable(palette_name[:100])}”"


def _pixels(count: int, unit: str = "pixel") -> str:
    return f"{count:,} {unit}" if count == 1 else f"{count:,} {unit}s"


def _blocks(length: int) -> Iterator[slice]:
    """0 to `length` in slices of BLOCK, for what would need many bytes a pixel if all were done at once."""
    return (slice(start, start + BLOCK) for start in range(0, length, BLOCK))


def _counts(values: NDArray) -> NDArray[np.intp]:
    """(256,): how often 0 to 255 occur in an array that holds nothing else."""
    flat = values.reshape(-1)
    return sum((np.bincount(flat[block], minlength=256) for block in _blocks(flat.size)), np.zeros(256, np.intp))


def _looked_up(values: NDArray, table: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(n,) positions in the table -> (n,) what is there."""
    found = np.empty(values.shape, np.uint8)
    for block in _blocks(len(values)):
        found[block] = table[values[block]]
    return found


# --- By value ---


def _values(file: ImageFile) -> NDArray | None:
    """(H, W) the numbers in a grey or indexed file, None for colour. Raises UserError for numbers that aren't whole."""
    image = file.image
    if image.mode == "F":
        raise UserError(f"{file.name} holds decimal numbers (32-bit float). Save it as an 8- or 16-bit PNG.")
    if image.mode == "LA":
        return np.asarray(image.getchannel("L"))
    if image.mode not in ("1", "L", "P", "I") and not image.mode.startswith("I;16"):
        return None
    values = np.asarray(image).astype(np.uint8 if image.mode in ("1", "L", "P") else np.int32)
    bits = file.data[24] if image.format == "PNG" else 8  # IHDR's bit depth
    if image.mode == "L" and bits in (2, 4):
        return values // (255 // (2**bits - 1))  # Pillow spreads few bits over 0 to 255; a label map means the numbers
    return values


def _from_grey(values: NDArray, palette: Palette, name: str) -> LabelRead:
    """Grey pixels (n,): train ids where they plainly are, else class values. Raises UserError as `_from_values`."""
    read = _from_train_ids(values, palette) or _from_values(values, palette, name)
    ids = _train_ids(palette)
    if read.how == "train ids" or not ids or values.min() > 0 or values.max() > max(ids):
        return read
    warning = f" If these are train ids (0 to {max(ids)}), it is wrong: open the file with the class values instead."
    return replace(read, exact=False, message=read.message + warning)


def _train_ids(palette: Palette) -> dict[int, int]:
    """Train id -> index, for the classes that are evaluated; empty where a dataset has none."""
    return {each.train_id: each.index for each in palette.classes if each.train_id not in (None, -1, 255)}


def _from_values(values: NDArray, palette: Palette, name: str) -> LabelRead:
    """Raises UserError where a value is no class of the palette."""
    classes = _without_instances(values, palette)
    if not _fits(classes, palette):
        raise UserError(_outside(values, palette, name))
    labels = _looked_up(classes, palette.indices_by_file_value().astype(np.uint8))
    return LabelRead(labels, "dataset values", True, 0, (), f"Read the class values of {palette.title} as they are.")


def _from_train_ids(values: NDArray, palette: Palette) -> LabelRead | None:
    """The map if its values are train ids: 255 is theirs, and doesn't occur beside such small class values."""
    ids = _train_ids(palette)
    inside = values[values != 255]
    if not ids or values.dtype != np.uint8 or not 0 < inside.size < values.size or inside.max() > max(ids):
        return None
    table = np.full(256, palette.unlabelled, np.uint8)
    table[list(ids)] = list(ids.values())
    message = f"Read as the train ids of {palette.title} (0 to {max(ids)}), not its class values."
    return LabelRead(_looked_up(values, table), "train ids", True, 0, (), message)


def _without_instances(values: NDArray, palette: Palette) -> NDArray:
    """class × 1000 + number -> class, where the palette has instances."""
    if values.max() < 1000 or not any(each.has_instances for each in palette.classes):
        return values
    return np.where(values >= 1000, values // 1000, values)


def _fits(values: NDArray, palette: Palette) -> bool:
    """Is every value a class of the palette?"""
    if values.min() < 0 or values.max() > 255:
        return False
    return bool((palette.indices_by_file_value()[_counts(values) > 0] >= 0).all())


def _outside(values: NDArray, palette: Palette, name: str) -> str:
    """The error for values that are no class of the palette: which, how many pixels, the bound, what may help."""
    found, counts = np.unique(values, return_counts=True)
    wrong = ~np.isin(_without_instances(found, palette), palette.file_values)
    listed = ", ".join(str(value) for value in found[wrong][:5]) + (" …" if wrong.sum() > 5 else "")
    others = [load_palette(other) for other in palette_names() if other != palette.name]
    fitting = [other.title for other in others if _fits(found, other)]  # no instances: any number is one of some class
    remedy = f"It fits {fitting[0]}: open it with that palette" if len(fitting) == 1 else "Open it with its own palette"
    return (
        f"{name} holds {'values' if wrong.sum() > 1 else 'the value'} {listed} ({_pixels(counts[wrong].sum())}), "
        f"outside {palette.title} ({_ranges(palette.file_values)}). {remedy}."
    )


def _ranges(values: NDArray[np.uint8]) -> str:
    """[0, 1, 2, 255] -> "0 to 2 and 255"."""
    ordered = np.unique(values).astype(int)
    runs = np.split(ordered, np.flatnonzero(np.diff(ordered) > 1) + 1)
    return " and ".join(str(run[0]) if len(run) == 1 else f"{run[0]} to {run[-1]}" for run in runs)


# --- Value or colour? ---


def _indices_are_values(image: Image.Image, indices: NDArray[np.uint8], palette: Palette) -> bool:
    """Are the indices of indexed colour (those of the opaque pixels) class values, rather than the colours classes?

    They are where the table says nothing of classes: it ends before the indices do, gives all or several of them one
    colour, or is a grey ramp (index i in the grey i) or the Pascal VOC table. They are not where one of them is no
    class, nor where the table's greys are class values, nor where more pixels have a colour that belongs to another
    class than have one that belongs to none: painting programs number colours as they please, and datasets that number
    classes mostly colour them otherwise.
    """
    counts = _counts(indices)
    used = np.flatnonzero(counts)
    given = _colour_table(image)
    if used[-1] >= len(given):
        return True
    colours, counts = given[used], counts[used]
    if different(colours) == 1 < len(used):
        return True
    fits = _fits(indices, palette)
    tables = (palette.colours, palette.standard_colours)
    table = max(tables, key=lambda each: counts[exact(colours, each) >= 0].sum())
    known = exact(colours, table) >= 0
    if (colours == used[:, None]).all() or _is_voc(given):
        # COCO-Stuff's standard colours are the VOC table one further, so by colour every class would be the one before.
        # Labelling programs put this table into all they save, so it is no evidence of that: only an index that is no
        # class value is (182, which numbers from 1 have, and values from 0 have not).
        return fits or not known.all()
    if not fits:
        return False
    if different(colours) < len(used):
        return True
    if (colours == colours[:, :1]).all() and _are_values(colours[:, 0], palette):
        return False
    agrees = (table[palette.indices_by_file_value()[used]] == colours).all(1)
    return counts[known & ~agrees].sum() <= counts[~known].sum()


def _colour_table(image: Image.Image) -> NDArray[np.uint8]:
    """(n, 3): the colours of an indexed image, n ≤ 256."""
    return np.array(image.getpalette("RGB"), np.uint8).reshape(-1, 3)[:256]


def _is_voc(colours: NDArray[np.uint8]) -> bool:
    """Is a colour table (n, 3), but for black at its end, the Pascal VOC table?

    There the bits of an index go to red, green and blue in turn, from the highest bit of each down.
    """
    filled = np.flatnonzero(colours.any(1)).max(initial=-1) + 1
    index = np.arange(filled)[:, None]
    bits = [(index >> (3 * place + np.arange(3)) & 1) << (7 - place) for place in range(3)]
    return filled > FEW and bool((colours[:filled] == sum(bits)).all())


def _are_values(greys: NDArray[np.uint8], palette: Palette) -> bool:
    """Are grey colours (n,) all class values, and not all of them the palette's own greys?"""
    if not _fits(greys, palette):
        return False
    seen = np.flatnonzero(_counts(greys)).astype(np.uint8)[:, None].repeat(3, axis=1)
    return not any((exact(seen, table) >= 0).all() for table in (palette.colours, palette.standard_colours))


# --- By colour ---


def _from_colours(read: ColourRead, palette: Palette) -> LabelRead:
    return LabelRead(
        labels=read.labels,
        how=read.how,
        exact=not read.snapped and not read.shared,
        snapped=read.snapped,
        ambiguous=read.shared,
        message=_colour_message(read, palette),
        strange=read.strange,
    )


def _colour_message(read: ColourRead, palette: Palette) -> str:
    message = f"Read by the {read.how} of {palette.title}."
    if read.snapped:
        message += f" {_pixels(read.snapped)} had other colours and took the nearest."
    if read.distance > UNLIKELY:
        message += f" They are far from it: check that this is a label map of {palette.title} and not a photo."
    for each in read.shared:
        names = [palette.classes[index].name for index in each.candidates]
        message += f" {_pixels(each.pixels)} could be {', '.join(names[:-1])} or {names[-1]}, which share a colour."
    for each in read.strange:
        colour = "#" + bytes(each.colour).hex()
        message += f" {_pixels(each.pixels)} in the colour {colour} became {palette.classes[each.taken].name}."
    return message
