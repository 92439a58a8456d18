"""How an artist's words are put to a model that paints: 3D needs one whole object before nothing."""

FRAMING = "one single object, whole body in view, seen from the front, centered, plain white background, soft even light"

AVOIDED = "cropped, several objects, scenery, floor, shadow, text, frame, close-up"


def framed(prompt: str) -> str:
    """The prompt with the framing behind it."""
    return f"{prompt.strip().rstrip('.')}, {FRAMING}"
