"""Why nobody can log in by a provider that an app has on, as far as it shows before somebody tries:
for `realmsync check`, and the start of a server.

What a configuration lacks by itself is found in ../../apps/auth.py; keys at an address are not
asked for. Specification: app-configuration.md 8.1 and 8.2.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from realmsync.apps.bundle import Bundle
from realmsync.apps.diagnostics import Findings
from realmsync.apps.model import App, Provider
from realmsync.server.accounts.foreign_tokens import token_rules, usable_key, what_a_key_is
from realmsync.server.accounts.key_sets import fault_of_file
from realmsync.server.accounts.providers.custom_token import NAME as CUSTOM_TOKEN
from realmsync.server.accounts.providers.custom_token import place_of_keys
from realmsync.server.accounts.providers.openid import ISSUERS, openid_rules


class _Unusable(Exception):
    """Nobody can log in, until another configuration is loaded; says why."""


def with_provider_faults(
    app: App, bundle: Bundle | None, key_sets: Mapping[str, str], findings: Findings
) -> App:
    """The app, with providers that cannot be used called so; each has a finding.

    `key_sets` are the places of published keys that the operator names.
    """
    providers = {
        name: _checked(provider, app.id, key_sets, _Words(findings, _path(bundle, name), name))
        for name, provider in app.providers.items()
    }
    for name in key_sets:
        if not _has_published_keys(providers.get(name)):
            findings.notice(
                "auth.key_set_unused",
                _path(bundle, name),
                f"there is a key set for {name}, and the app has no such provider that is on and "
                "takes one",
                name,
            )
    return replace(app, providers=providers)


class _Words:
    """Findings about one provider."""

    def __init__(self, findings: Findings, path: str, name: str) -> None:
        self._findings, self._path, self._name = findings, path, name

    def warn(self, text: str) -> None:
        self._findings.warning(
            "auth.provider_unusable", self._path, f"{self._name}: {text}", self._name
        )


def _checked(
    provider: Provider, app_id: str, key_sets: Mapping[str, str], words: _Words
) -> Provider:
    if provider.disabled or provider.unusable is not None:  # which has its finding
        return provider
    try:
        if provider.name == CUSTOM_TOKEN:
            _check_custom_token(provider, app_id, words)
            place = place_of_keys(provider, key_sets)
        else:
            if provider.name in ISSUERS:
                openid_rules(provider.name, provider)
            place = key_sets.get(provider.name)
        if not _has_published_keys(provider):
            return provider
        if place is None:
            raise _Unusable("nobody says where its keys are: jwkURI with https, or --key-set")
    except (_Unusable, ValueError) as error:
        words.warn(f"nobody can log in: {error}")
        return replace(provider, unusable=str(error))
    fault = fault_of_file(place)
    if fault is not None:  # of now: the file is read again when somebody comes
        words.warn(f"nobody can log in until there are keys in {place}: {fault}")
    return provider


def _check_custom_token(provider: Provider, app_id: str, words: _Words) -> None:
    """Raises _Unusable or ValueError."""
    algorithm = token_rules(provider.config, provider.metadata_fields, app_id).algorithm
    if _has_published_keys(provider):
        if algorithm != "RS256":
            raise _Unusable(f"published keys are for RS256, and signingAlgorithm is {algorithm}")
        return
    keys = provider.secrets.get("signingKeys", ())
    bad = [number for number, key in enumerate(keys, 1) if usable_key(key, algorithm) is None]
    if not bad:
        return
    numbers = ", ".join(map(str, bad))
    text = f"signing key {numbers} is none for {algorithm}, which takes {what_a_key_is(algorithm)}"
    if len(bad) == len(keys):
        raise _Unusable(text)
    words.warn(text)


def _has_published_keys(provider: Provider | None) -> bool:
    if provider is None or provider.disabled:
        return False
    return provider.name in ISSUERS or (
        provider.name == CUSTOM_TOKEN and provider.config.get("useJWKURI") is True
    )


def _path(bundle: Bundle | None, name: str) -> str:
    source = None if bundle is None else bundle.providers.get(name)
    return "." if source is None else source.path
