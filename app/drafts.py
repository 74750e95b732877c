"""Pictures that were only looked at: Live's and the guidance slider's. Asked for again, they are there at once."""

from __future__ import annotations

import hashlib
import json
import threading
from collections import OrderedDict
from dataclasses import dataclass

from app.orders import Order
from engine.types import EditRequest, Photo

MOST = 64
MOST_BYTES = 200 * 2**20


@dataclass(frozen=True)
class Draft:
    """A finished picture in memory, of an order for one. key: what it is asked for by."""

    key: str
    order: Order
    picture: Photo

    @property
    def seed(self) -> int:
        return self.order.seeds[0]

    @property
    def bytes(self) -> int:
        """What it takes of the memory."""
        request = self.order.request
        if isinstance(request, EditRequest):
            held = (request.photo, request.region)
        else:
            held = tuple(each.region for each in request.rerolls)
        told = (self.picture, request.labels, request.instances, *held)
        return sum(each.nbytes for each in told if each is not None)


def key_of(order: Order, precision: str) -> str:
    """Of everything that decides a picture's pixels; equal for equal orders, across restarts too."""
    told = json.dumps([order.first_record, precision], sort_keys=True)
    return hashlib.sha256(told.encode()).hexdigest()[:32]


class Drafts:
    """As many as `most` and `most_bytes` allow; those used last stay longest. Safe from several threads."""

    def __init__(self, most: int = MOST, most_bytes: int = MOST_BYTES) -> None:
        self._most, self._most_bytes, self._lock = most, most_bytes, threading.Lock()
        self._kept: OrderedDict[str, Draft] = OrderedDict()

    def get(self, key: str) -> Draft | None:
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
            return self._kept.get(key)

    def put(self, draft: Draft) -> None:
        with self._lock:
            self._kept[draft.key] = draft
            self._kept.move_to_end(draft.key)
            while len(self._kept) > self._most or self._bytes() > self._most_bytes:
                self._kept.popitem(last=False)

    def _bytes(self) -> int:
        return sum(each.bytes for each in self._kept.values())
