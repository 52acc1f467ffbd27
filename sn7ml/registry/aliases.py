"""The champion changes in one step: the change is recorded first, so that the next process can finish it after a kill.

MLflow moves one alias at a time. So a change first goes into a tag of the registered model, then the aliases move, then
the tag becomes an entry of the log (tags ``sn7.change …``, one each). :func:`settle` does the second and third part; to
repeat them does no harm. An alias is moved, never removed and set again, so exactly one champion stands at any moment.

The file lock of :meth:`Store.promoting` keeps one user's processes on a machine apart. Machines that share a server
share no lock, and MLflow cannot compare and set: of two changes within milliseconds the later stands, the other raises.
"""

import getpass
import json
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Literal

from sn7ml.core.errors import StoreError
from sn7ml.registry.versions import CHAMPION, PREVIOUS, registered, version_at
from sn7ml.runs.store import Store

PENDING, LOG = "sn7.pending", "sn7.change "

WITHDRAWN = "sn7.withdrawn"
"""Tag of a version that was rolled back: when, by whom and why. Only a person may promote it again."""


def now() -> str:
    """Return the time as the log has it; MLflow allows no + in the name of a tag."""
    return f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%fZ}"


def who() -> str:
    """Return the user's name on this machine."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user may have no name
        return "unknown"


@dataclass(frozen=True)
class Change:
    """A change of the champion."""

    what: Literal["promoted", "rolled back"]

    champion: str
    """Number of the version that becomes champion."""

    previous: str | None
    """Number of the champion until then."""

    reason: str
    by: str = field(default_factory=who)

    at: str = field(default_factory=now)
    """UTC, to the microsecond: it names the entry in the log."""


def change_champion(store: Store, name: str, change: Change) -> None:
    """Make a change, under :meth:`Store.promoting`. Raises StoreError if another machine did so at the same moment."""
    store.client.set_registered_model_tag(name, PENDING, json.dumps(asdict(change)))
    settle(store, name)
    stands = version_at(store.client, name, CHAMPION)
    if stands is None or str(stands.version) != change.champion:
        raise StoreError(
            "registry.champion-changed",
            f"another machine made version {stands.version if stands else 'none'} of {name!r} the champion at the same "
            "moment; it stands. Run this again",
        )


def settle(store: Store, name: str) -> None:
    """Finish a change that was begun; nothing, if none was. Under the lock of :meth:`Store.promoting`."""
    client = store.client
    if (begun := registered(store, name).tags.get(PENDING)) is None:
        return
    change = Change(**json.loads(begun))
    if change.what == "rolled back" and change.previous is not None:
        client.set_model_version_tag(name, change.previous, WITHDRAWN, f"{change.at} by {change.by}: {change.reason}")
    if WITHDRAWN in client.get_model_version(name, change.champion).tags:
        client.delete_model_version_tag(name, change.champion, WITHDRAWN)
    if change.previous is not None:
        client.set_registered_model_alias(name, PREVIOUS, change.previous)
    client.set_registered_model_alias(name, CHAMPION, change.champion)
    client.set_registered_model_tag(name, f"{LOG}{change.at}", begun)
    client.delete_registered_model_tag(name, PENDING)


def rollback(store: Store, name: str, reason: str) -> Change:
    """Swap champion and previous; the one withdrawn carries the reason. Raises StoreError if there is no previous."""
    registered(store, name)
    with store.promoting():
        settle(store, name)
        champion, previous = (version_at(store.client, name, alias) for alias in (CHAMPION, PREVIOUS))
        if champion is None or previous is None or champion.version == previous.version:
            raise StoreError(
                "registry.no-previous-champion",
                f"{name!r} has no previous champion to go back to; `sn7ml models` shows its versions",
            )
        # A tag of a registered model holds 5000 characters.
        change = Change("rolled back", str(previous.version), str(champion.version), reason[:2000])
        change_champion(store, name, change)
    return change


def changes(store: Store, name: str) -> list[Change]:
    """Return the log of changes, the newest first."""
    tags = registered(store, name).tags
    found = [Change(**json.loads(value)) for key, value in tags.items() if key.startswith(LOG)]
    return sorted(found, key=lambda change: change.at, reverse=True)
