"""Drops a file onto the window under the mouse, as a file manager does: the source's side of XDND (freedesktop.org, version 5), by ctypes on libX11.

    python drop.py FILE WINDOW X Y

X and Y are the mouse's place on the screen [px]. Exits with 0 once the window has taken the file, with 1 where it does not within 20 seconds.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import sys
import time
from pathlib import Path

CLIENT_MESSAGE, SELECTION_NOTIFY, SELECTION_REQUEST = 33, 31, 30
PATIENCE = 20.0
_LONG, _ULONG, _INT, _POINTER = ctypes.c_long, ctypes.c_ulong, ctypes.c_int, ctypes.c_void_p


def _struct(name: str, *fields: tuple[str, type]) -> type[ctypes.Structure]:
    """An event of Xlib: each begins alike."""
    head = (("type", _INT), ("serial", _ULONG), ("send_event", _INT), ("display", _POINTER))
    return type(name, (ctypes.Structure,), {"_fields_": [*head, *fields]})


Message = _struct("Message", ("window", _ULONG), ("message_type", _ULONG), ("format", _INT), ("data", _LONG * 5))
Request = _struct(
    "Request", ("owner", _ULONG), ("requestor", _ULONG), ("selection", _ULONG), ("target", _ULONG), ("property", _ULONG), ("time", _ULONG)
)
Notify = _struct("Notify", ("requestor", _ULONG), ("selection", _ULONG), ("target", _ULONG), ("property", _ULONG), ("time", _ULONG))


class Event(ctypes.Union):
    """Any event."""

    _fields_ = [("type", _INT), ("message", Message), ("request", Request), ("notify", Notify), ("room", _LONG * 24)]


class Source:
    """A window that offers a file.

    Args:
        file: what is dropped.
        target: the window that it is dropped onto.
    """

    def __init__(self, file: Path, target: int) -> None:
        self.x11 = ctypes.CDLL(ctypes.util.find_library("X11") or "libX11.so.6")
        self.x11.XOpenDisplay.restype = _POINTER
        self.x11.XInternAtom.restype = self.x11.XDefaultRootWindow.restype = self.x11.XCreateSimpleWindow.restype = _ULONG
        self.display = _POINTER(self.x11.XOpenDisplay(None))
        root = _ULONG(self.x11.XDefaultRootWindow(self.display))
        self.window = self.x11.XCreateSimpleWindow(self.display, root, 0, 0, 1, 1, 0, _ULONG(0), _ULONG(0))
        self.target = target
        self.text = f"{file.as_uri()}\r\n".encode()
        self.x11.XSetSelectionOwner(self.display, _ULONG(self.atom("XdndSelection")), _ULONG(self.window), _ULONG(0))

    def atom(self, name: str) -> int:
        return int(self.x11.XInternAtom(self.display, name.encode(), 0))

    def say(self, kind: str, *data: int) -> None:
        """A message to the target; all begin with the source's window."""
        event = Event()
        event.message.type, event.message.window, event.message.format = CLIENT_MESSAGE, self.target, 32
        event.message.message_type = self.atom(kind)
        event.message.data[:] = [self.window, *data, *[0] * (4 - len(data))]
        self._send(self.target, event)

    def drop(self, x: int, y: int) -> bool:
        """Enters, hovers, lets go, and hands the file over when it is asked for. Returns whether the target has taken it."""
        self.say("XdndEnter", 5 << 24, self.atom("text/uri-list"))
        copy, dropped, end = self.atom("XdndActionCopy"), False, time.monotonic() + PATIENCE
        hover = 0.0
        while time.monotonic() < end:
            if not dropped and time.monotonic() > hover:
                self.say("XdndPosition", 0, x << 16 | y, 0, copy)
                hover = time.monotonic() + 0.5
            if not self.x11.XPending(self.display):
                time.sleep(0.01)
                continue
            event = Event()
            self.x11.XNextEvent(self.display, ctypes.byref(event))
            if event.type == SELECTION_REQUEST:
                self._hand_over(event.request)
            elif event.type == CLIENT_MESSAGE and event.message.message_type == self.atom("XdndStatus") and event.message.data[1] & 1 and not dropped:
                self.say("XdndDrop", 0, 0)
                dropped = True
            elif event.type == CLIENT_MESSAGE and event.message.message_type == self.atom("XdndFinished"):
                return True
        return False

    def _hand_over(self, request: ctypes.Structure) -> None:
        """The file's address, as the target wants it."""
        asked = {name: getattr(request, name) for name in ("requestor", "selection", "target", "property", "time")}
        arguments = (_ULONG(asked["requestor"]), _ULONG(asked["property"]), _ULONG(asked["target"]), 8, 0, self.text, len(self.text))
        self.x11.XChangeProperty(self.display, *arguments)
        event = Event()
        event.notify.type = SELECTION_NOTIFY
        for name, value in asked.items():
            setattr(event.notify, name, value)
        self._send(asked["requestor"], event)

    def _send(self, window: int, event: Event) -> None:
        self.x11.XSendEvent(self.display, _ULONG(window), 0, _LONG(0), ctypes.byref(event))
        self.x11.XFlush(self.display)


if __name__ == "__main__":
    file, window, x, y = Path(sys.argv[1]), *map(int, sys.argv[2:5])
    sys.exit(0 if Source(file, window).drop(x, y) else 1)
