"""The desks of all open pages, in memory, and the secret addresses of what lies on them."""

import secrets
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import RLock

from ecgseg.app.desk import Desk

MOST = 8  # desks at once: a page of A4 with its results takes about 50 MB
IDLE_S = 3600.0  # a desk that was not touched for so long is cleared


@dataclass
class _Place:
    desk: Desk
    token: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    touched: float = 0.0


class Sessions:
    """Gives each open page, told by its session's name, a desk; of too many the one not used for longest is cleared."""

    def __init__(
        self, new: Callable[[], Desk], most: int = MOST, idle_s: float = IDLE_S, clock: Callable = time.monotonic
    ):
        self._new, self._most, self._idle_s, self._clock = new, most, idle_s, clock
        self._places: OrderedDict[str, _Place] = OrderedDict()
        self._lock = RLock()

    def __len__(self) -> int:
        return len(self._places)

    def desk(self, session: str) -> Desk:
        """Return the session's desk, a new one if it has none."""
        with self._lock:
            place = self._places.setdefault(session, _Place(self._new()))
            place.touched = self._clock()
            self._places.move_to_end(session)
            while len(self._places) > self._most:
                self._places.popitem(last=False)[1].desk.close()
            return place.desk

    def token(self, session: str) -> str:
        """Return the secret part of the addresses of the session's files; another one each time it is renewed."""
        with self._lock:
            return self._places[session].token

    def renew(self, session: str) -> str:
        """Give the session's files new addresses, so that no browser shows the old ones; returns the new token."""
        with self._lock:
            self._places[session].token = secrets.token_urlsafe(24)
            return self._places[session].token

    def file(self, token: str, name: str) -> bytes | None:
        """Return a file by the token of its desk, None where there is none."""
        with self._lock:
            for place in self._places.values():
                if secrets.compare_digest(place.token, token):
                    place.touched = self._clock()
                    return place.desk.files.get(name)
        return None

    def drop(self, session: str) -> None:
        """Clear a session's desk."""
        with self._lock:
            place = self._places.pop(session, None)
            if place is not None:
                place.desk.close()

    def drop_idle(self) -> None:
        """Clear the desks that were not touched for long."""
        with self._lock:
            late = [s for s, place in self._places.items() if self._clock() - place.touched > self._idle_s]
            for session in late:
                self.drop(session)
