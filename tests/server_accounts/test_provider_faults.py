"""Ways to log in that cannot work are found before they are used: app-configuration.md 8.1, 8.2."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from app_folders import write_app
from key_pairs import key_pair, key_set
from realmsync.apps.load import Loaded
from realmsync.apps.model import App
from realmsync.server.apps.sources import AppFolder

SECRET = "s" * 32
PEM = "a public key"  # stands for one


def loaded(
    folder: Path,
    name: str,
    config: dict[str, Any],
    *,
    keys: tuple[str, ...] = (),
    key_sets: dict[str, str] | None = None,
    disabled: bool = False,
    metadata: tuple[dict[str, Any], ...] = (),
) -> Loaded:
    """What loading an app with this provider gives."""
    provider = {
        "name": name,
        "type": name,
        "disabled": disabled,
        "config": config,
        "metadata_fields": [*metadata],
    }
    if name == "custom-token":
        names = [f"key{number}" for number in range(len(keys))]
        provider["secret_config"] = {"signingKeys": names}
        (folder / "secrets.json").write_text(json.dumps(dict(zip(names, keys, strict=True))))
    write_app(folder / "app", providers={name: provider})
    secrets = folder / "secrets.json" if name == "custom-token" else None
    return AppFolder(folder / "app", secrets=secrets, key_sets=key_sets or {}).load()


def found(result: Loaded) -> list[str]:
    return [
        f"{f.severity.value} {f.code}: {f.text}"
        for f in result.findings
        if f.code in ("auth.provider_unusable", "auth.key_set_unused")
    ]


def unusable(result: Loaded, name: str) -> str | None:
    app = result.app
    assert isinstance(app, App)
    return app.providers[name].unusable


@pytest.mark.parametrize(
    ("algorithm", "key", "is_good"),
    [
        ("HS256", SECRET, True),
        ("HS256", "s" * 512, True),
        ("HS256", "s" * 31, False),
        ("HS256", "s" * 513, False),
        ("HS256", PEM, False),
        ("RS256", PEM, True),
        ("RS256", SECRET, False),
    ],
    ids=lambda value: str(value)[:12],
)
def test_keys_of_tokens(tmp_path: Path, algorithm: str, key: str, is_good: bool) -> None:
    key = key_pair("issuer").public if key == PEM else key
    result = loaded(tmp_path, "custom-token", {"signingAlgorithm": algorithm}, keys=(key,))
    assert bool(found(result)) is not is_good
    assert (unusable(result, "custom-token") is None) is is_good
    assert all(f"none for {algorithm}" in text and key not in text for text in found(result))


def test_one_bad_key_of_several(tmp_path: Path) -> None:
    """Tokens that the others sign are good."""
    result = loaded(tmp_path, "custom-token", {}, keys=(SECRET, "short", SECRET))
    (text,) = found(result)
    assert text.startswith("warning auth.provider_unusable: custom-token: signing key 2 is none")
    assert unusable(result, "custom-token") is None


@pytest.mark.parametrize(
    ("config", "key_sets", "text"),
    [
        ({"useJWKURI": True, "jwkURI": "https://a.org/keys"}, {}, "published keys are for RS256"),
        (
            {"useJWKURI": True, "jwkURI": "/etc/keys", "signingAlgorithm": "RS256"},
            {},
            "nobody says where its keys are",
        ),
        (
            {"useJWKURI": True, "signingAlgorithm": "RS256"},
            {"custom-token": "no-such-file.json"},
            "until there are keys in no-such-file.json: No such file",
        ),
    ],
)
def test_published_keys(
    tmp_path: Path, config: dict[str, Any], key_sets: dict[str, str], text: str
) -> None:
    (told,) = found(loaded(tmp_path, "custom-token", config, key_sets=key_sets))
    assert told.startswith("warning auth.provider_unusable: custom-token: nobody can log in")
    assert text in told


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("[]", "it is no JSON web key set"),
        ('{"keys": []}', "no key in it is for RS256"),
        ("{", "it is no JSON"),
        ("#" * (300 << 10), "more than"),
    ],
    ids=["list", "empty", "damaged", "huge"],
)
def test_files_without_keys(tmp_path: Path, content: str, text: str) -> None:
    """They may get some later: the file is read when somebody logs in."""
    (tmp_path / "keys.json").write_text(content)
    key_sets = {"oauth2-google": str(tmp_path / "keys.json")}
    result = loaded(tmp_path, "oauth2-google", {"clientId": "c"}, key_sets=key_sets)
    (told,) = found(result)
    assert text in told
    assert unusable(result, "oauth2-google") is None


@pytest.mark.parametrize("is_url", [False, True])
def test_a_file_with_keys(tmp_path: Path, is_url: bool) -> None:
    path = tmp_path / "keys of all.json"
    path.write_bytes(key_set(key_pair("issuer").published("k")))
    place = path.as_uri() if is_url else str(path)
    result = loaded(tmp_path, "oauth2-google", {"clientId": "c"}, key_sets={"oauth2-google": place})
    assert found(result) == []
    assert unusable(result, "oauth2-google") is None


def test_an_address_is_not_asked(tmp_path: Path) -> None:
    key_sets = {"oauth2-google": "https://keys.invalid/certs"}
    assert found(loaded(tmp_path, "oauth2-google", {"clientId": "c"}, key_sets=key_sets)) == []


def test_tokens_for_any_app_of_anybody(tmp_path: Path) -> None:
    key_sets = {"oauth2-apple": "https://keys.invalid/certs"}
    result = loaded(tmp_path, "oauth2-apple", {}, key_sets=key_sets)
    assert "it has no clientId" in found(result)[0]
    assert unusable(result, "oauth2-apple") == "it has no clientId"


def test_metadata_without_a_name(tmp_path: Path) -> None:
    result = loaded(tmp_path, "custom-token", {}, keys=(SECRET,), metadata=({"required": True},))
    assert "a metadata field has a name" in found(result)[0]


@pytest.mark.parametrize(
    ("name", "disabled"), [("anon-user", False), ("oauth2-google", True), ("custom-token", False)]
)
def test_keys_for_nobody(tmp_path: Path, name: str, disabled: bool) -> None:
    """The app has no such provider, has it off, or holds its keys itself."""
    place = "https://keys.invalid/certs"
    key_sets = {"custom-token" if name == "custom-token" else "oauth2-google": place}
    result = loaded(
        tmp_path, name, {"clientId": "c"}, keys=(SECRET,), key_sets=key_sets, disabled=disabled
    )
    (told,) = found(result)
    assert told.startswith("notice auth.key_set_unused: there is a key set for ")
