"""How figures look, and how they become bytes: the one module that knows matplotlib's settings.

None of its global state is left changed, and no text is taken for mathematics.
"""

import contextlib
from bisect import bisect
from collections.abc import Iterator
from functools import cache
from io import BytesIO
from itertools import count, cycle
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple, get_args

from lrsched.core.numbers import choice
from lrsched.core.plain import printable
from lrsched.errors import missing_extra

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ImageFormat = Literal["png", "svg", "pdf"]

IMAGE_FORMATS: Final[tuple[ImageFormat, ...]] = get_args(ImageFormat)

SMALL: Final = 8.0
"""The size of letters, in points."""
LARGE: Final = 9.5
"""Their size in titles and names of axes."""
POINTS: Final = 72.0
"""How many of them are an inch."""

# Fonts that have what the first one lacks, where the machine has them.
_FONTS = ("DejaVu Sans", "Noto Sans CJK JP", "Noto Sans CJK SC", "WenQuanYi Zen Hei", "Droid Sans Fallback", "Unifont")

_LOOK: dict[str, Any] = {
    "text.parse_math": False,
    "font.size": SMALL,
    "axes.labelsize": LARGE,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.8,
    "legend.frameon": False,
    "legend.handlelength": 3.4,
    "legend.labelspacing": 0.3,
    "legend.borderaxespad": 0.0,
    "figure.dpi": 100.0,
    "savefig.dpi": 150.0,
    "svg.fonttype": "none",  # texts stay texts
    "svg.hashsalt": "lrsched",  # so that the same figure has the same bytes
    "pdf.fonttype": 42,
}
_METADATA: dict[str, dict[str, None]] = {
    "png": {"Software": None},
    "svg": {"Date": None, "Creator": None},
    "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
}

# Colours that the colour-blind tell apart (Okabe and Ito); symbols and dashes for print in grey. Their numbers have no
# common divisor: a combination returns late.
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#000000", "#E69F00", "#56B4E9")
_SYMBOLS = ("o", "s", "^", "D", "v")
_DASHES = ((4.0, 1.6), (1.2, 1.4), (7.0, 1.5, 1.2, 1.5), (9.0, 2.0))
GREY: Final = "0.45"


class Style(NamedTuple):
    """What tells one curve from the others.

    Attributes:
        number: Which one it is, from 0.
        colour: Its colour.
        symbol: At some of its points.
        dashes: Of what is not recorded, in points.
    """

    number: int
    colour: str
    symbol: str
    dashes: tuple[float, ...]


def styles() -> Iterator[Style]:
    """The styles of curves, one after the other."""
    return map(Style, count(), cycle(_COLOURS), cycle(_SYMBOLS), cycle(_DASHES))


@contextlib.contextmanager
def look() -> Iterator[None]:
    """While it lasts, matplotlib has its defaults and this look, whatever its user configured.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    try:
        import matplotlib as mpl  # noqa: PLC0415  an extra
        from matplotlib import font_manager  # noqa: PLC0415  an extra
    except ModuleNotFoundError as error:
        raise missing_extra("matplotlib", "plot") from error
    with mpl.rc_context():
        mpl.rcdefaults()
        there = {*font_manager.get_font_names()}
        fonts = [name for name in _FONTS if name in there]
        families: dict[str, Any] = {"font.family": [*fonts, "sans-serif"], "font.sans-serif": fonts}
        mpl.rcParams.update(_LOOK | families)  # type: ignore[arg-type]  # the stubs want literal keys
        yield


def image(figure: "Figure", kind: ImageFormat) -> bytes:
    r"""A figure as the bytes of a file; the same for the same figure.

    Args:
        figure: See `figure_of`.
        kind: Which format: png is for screens, svg and pdf are for print.

    Raises:
        ArgumentError: It is none.

    Examples:
        >>> from matplotlib.figure import Figure
        >>> image(Figure(), "png")[:4]
        b'\x89PNG'
    """
    kind = choice("kind", kind, IMAGE_FORMATS)
    written = BytesIO()
    with look():
        figure.savefig(written, format=kind, metadata=_METADATA[kind])
    return written.getvalue()


def shown(text: str) -> str:
    """``text`` with everything escaped that is no character to be seen, or that no font here has."""
    import matplotlib as mpl  # noqa: PLC0415  an extra
    from matplotlib import font_manager  # noqa: PLC0415  an extra

    text = printable(text)
    if text.isascii():
        return text
    fonts = [font_manager.FontProperties(family=[family]) for family in mpl.rcParams["font.family"]]
    files = {str(font_manager.findfont(font)) for font in fonts}
    known = {code for file in files for code in font_manager.get_font(file).get_charmap()}
    return "".join(c if ord(c) in known else c.encode("ascii", "backslashreplace").decode() for c in text)


def width_of(text: str, size: float) -> float:
    """How wide a text is, in points, but for kerning."""
    return sum(_width(character, size) for character in text)


@cache
def _width(character: str, size: float) -> float:
    from matplotlib.font_manager import FontProperties  # noqa: PLC0415  an extra
    from matplotlib.textpath import text_to_path  # noqa: PLC0415  an extra

    font = FontProperties(size=size)
    within, without = (
        text_to_path.get_text_width_height_descent(text, font, ismath=False)[0] for text in (f"|{character}|", "||")
    )
    return float(within - without)


def fitting(text: str, width: float, size: float) -> str:
    """``text`` as it is shown, its middle left out where it is wider than ``width`` points."""
    text = shown(text)
    if width_of(text, size) <= width:
        return text
    shorter = [f"{text[: room // 3]}…{text[room // 3 - room :]}" for room in range(1, min(len(text), _LONGEST))]
    return shorter[max(0, bisect(shorter, width, key=lambda each: width_of(each, size)) - 1)]


_LONGEST = 500  # letters; more have no room in any figure


def wrapped(text: str, width: float, size: float) -> str:
    """``text`` as it is shown, in lines that are no wider than ``width`` points."""
    lines = [""]
    for word in shown(text).split(" "):
        longer = f"{lines[-1]} {word}" if lines[-1] else word
        if width_of(longer, size) <= width:
            lines[-1] = longer
        else:
            lines.append(fitting(word, width, size))
    return "\n".join(filter(None, lines))
