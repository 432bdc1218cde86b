"""Keys of callers."""

from collections.abc import Iterator

import pytest
from sqlalchemy import select

from api.keys import LOCAL, ROLES, Key, access_key, create_key, find_key, has_keys, list_keys, revoke_key
from gis.errors import Refusal
from gis.store.engine import Store, open_store, reading, writing


@pytest.fixture
def store(made_url: str) -> Iterator[Store]:
    opened = open_store(made_url)
    yield opened
    opened.close()


def new_key(store: Store, role: str = "viewer", prefix: str = "4403", name: str = "热线") -> tuple[Key, str]:
    with writing(store.world) as connection:
        return create_key(connection, name, role, prefix)


def found(store: Store, secret: str) -> Key | None:
    with reading(store.world) as connection:
        return find_key(connection, secret)


def test_a_key_is_found_by_its_secret_alone(store: Store) -> None:
    key, secret = new_key(store, "editor")
    other, other_secret = new_key(store)
    assert found(store, secret) == key
    assert found(store, other_secret) == other
    assert (key.name, key.role, key.prefix, key.revoked_at) == ("热线", "editor", "4403", None)
    for wrong in ("", secret[:-1], f"{secret}x", secret.upper(), key.id):
        assert found(store, wrong) is None


def test_the_secret_is_kept_nowhere(store: Store) -> None:
    _, secret = new_key(store)
    with reading(store.world) as connection:
        kept = connection.execute(select(access_key)).one()
    assert len(secret) > 40
    assert secret not in str(kept)
    assert secret.removeprefix("wg_") not in str(kept)


def test_a_revoked_key_opens_nothing_and_stays_in_the_list(store: Store) -> None:
    key, secret = new_key(store)
    with writing(store.world) as connection:
        revoke_key(connection, key.id)
    assert found(store, secret) is None
    with reading(store.world) as connection:
        listed = list(list_keys(connection))
    assert [each.id for each in listed] == [key.id]
    assert listed[0].revoked_at is not None


def test_keys_are_listed_oldest_first(store: Store) -> None:
    made = [new_key(store, name=f"key {n}")[0] for n in range(3)]
    with reading(store.world) as connection:
        assert list(list_keys(connection)) == made


@pytest.mark.parametrize("revoked_before", [True, False])
def test_a_key_that_is_not_in_use_cannot_be_revoked(store: Store, revoked_before: bool) -> None:
    key, _ = new_key(store)
    if revoked_before:
        with writing(store.world) as connection:
            revoke_key(connection, key.id)
    with pytest.raises(Refusal) as refused, writing(store.world) as connection:
        revoke_key(connection, key.id if revoked_before else "nobody")
    assert (refused.value.code, refused.value.kind) == ("key_unknown", "missing")


def test_only_keys_in_use_count(store: Store) -> None:
    def any_key() -> bool:
        with reading(store.world) as connection:
            return has_keys(connection)

    assert not any_key()
    key, _ = new_key(store)
    assert any_key()
    with writing(store.world) as connection:
        revoke_key(connection, key.id)
    assert not any_key()


def test_an_unknown_role_is_refused(store: Store) -> None:
    with pytest.raises(Refusal) as refused:
        new_key(store, "mayor")
    assert refused.value.code == "role_unknown"
    assert "publisher" in str(refused.value)


@pytest.mark.parametrize("role", ROLES)
def test_each_role_may_do_what_those_before_it_may(role: str) -> None:
    key = Key("id", "name", role, "4403", LOCAL.created_at)
    assert [key.may(each) for each in ROLES] == [ROLES.index(each) <= ROLES.index(role) for each in ROLES]


def test_a_key_acts_below_its_prefix_only() -> None:
    key = Key("id", "name", "publisher", "4403", LOCAL.created_at)
    assert key.may("editor", "4403")
    assert key.may("editor", "440305")
    for owner in ("", "44", "4404", "45"):
        assert not key.may("viewer", owner)
    assert LOCAL.may("admin", "")


def test_a_key_reads_what_holds_within_its_prefix() -> None:
    scope = Key("id", "name", "viewer", "4403", LOCAL.created_at).scope
    assert scope.allows_owner("440305")
    assert scope.allows_owner("44")
    assert not scope.allows_owner("4404")
