"""What the eye would find in a figure: texts that lie on one another or are cut off."""

from itertools import combinations

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Text

TOLERATED = 0.5  # pixels


def texts(figure):
    """Text and place of everything written, in pixels."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    renderer = canvas.get_renderer()
    written = [text for text in figure.findobj(Text) if text.get_visible() and text.get_text()]
    places = [(text.get_text(), text.get_window_extent(renderer)) for text in written]
    return [(text, box) for text, box in places if box.width and box.height]


def faults(figure):
    """In words, what is cut off or overlaps."""
    page = figure.bbox
    found = []
    places = texts(figure)
    for text, box in places:
        if box.x0 < -TOLERATED or box.y0 < -TOLERATED or box.x1 > page.x1 + TOLERATED or box.y1 > page.y1 + TOLERATED:
            found.append(f"{text!r} is cut off: {box} in {page}")
    for (one, box), (other, place) in combinations(places, 2):
        width = min(box.x1, place.x1) - max(box.x0, place.x0)
        height = min(box.y1, place.y1) - max(box.y0, place.y0)
        if width > TOLERATED and height > TOLERATED:
            found.append(f"{one!r} and {other!r} overlap by {width:.1f} x {height:.1f}")
    return found
