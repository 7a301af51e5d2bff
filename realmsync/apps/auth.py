"""Ways to log in, as a configuration says them.

Whether a log-in succeeds is server/accounts'. Specification: app-configuration.md 8.1 and 8.2.
"""

from __future__ import annotations

from collections.abc import Iterator, Set
from dataclasses import dataclass
from typing import Any

from realmsync.apps.bundle import Bundle, Source
from realmsync.apps.diagnostics import Findings
from realmsync.apps.keys import Keys
from realmsync.apps.model import Provider
from realmsync.apps.secrets import Secrets

ALGORITHMS = ("HS256", "RS256")
# Log-ins whose tokens are verified with keys that somebody else publishes.
OPENID = ("oauth2-google", "oauth2-apple", "oauth2-facebook")
_SUPPORTED = ("anon-user", "local-userpass", "api-key", "custom-token", "custom-function", *OPENID)
_MOST_KEYS = 3


@dataclass(frozen=True)
class FunctionUse:
    """A function that something depends on."""

    name: str
    path: str  # of the file that names it
    key: str
    what: str  # depends on it, for texts


def read_providers(
    bundle: Bundle, secrets: Secrets, verifiable: Set[str], findings: Findings
) -> dict[str, Provider]:
    """The providers by type. `verifiable`: those of OPENID whose keys the server has."""
    providers: dict[str, Provider] = {}
    for name, source in bundle.providers.items():
        keys = Keys(source.path, source.content, findings, f"{name}.")
        keys.text("type")
        kind = _kind(name, source)
        provider = Provider(
            name=kind,
            disabled=keys.flag("disabled"),
            config=keys.object("config").content,
            secret_config=keys.object("secret_config").content,
            metadata_fields=keys.objects("metadata_fields"),
            domain_restrictions=keys.texts("domain_restrictions"),
        )
        if not provider.disabled:
            provider = _completed(provider, keys, secrets, verifiable)
        providers[kind] = provider
    return providers


def functions_used(bundle: Bundle, providers: dict[str, Provider]) -> Iterator[FunctionUse]:
    """The functions that providers which are on depend on."""
    for name, source in bundle.providers.items():
        provider = providers.get(_kind(name, source))
        if provider is None or provider.disabled:
            continue
        for flag, key, what in _FUNCTIONS.get(provider.name, ()):
            if _is_in_use(provider, flag, key):
                named = provider.config.get(key)
                yield FunctionUse(
                    named if isinstance(named, str) else "",
                    source.path,
                    f"{provider.name}.config.{key}",
                    what,
                )


# By provider: the flag that makes a function count, the key that names it, what depends on it.
_FUNCTIONS: dict[str, tuple[tuple[str | None, str, str], ...]] = {
    "custom-function": ((None, "authFunctionName", "log-in by custom function"),),
    "local-userpass": (
        ("runConfirmationFunction", "confirmationFunctionName", "confirmation of e-mail accounts"),
        ("runResetFunction", "resetFunctionName", "resetting passwords"),
    ),
}


def _kind(name: str, source: Source) -> str:
    """The type of a provider; its name is the same, where that is not said."""
    kind = source.content.get("type")
    return kind if isinstance(kind, str) and kind else name


def _is_in_use(provider: Provider, flag: str | None, key: str) -> bool:
    if flag is None:
        return True
    is_needless = key == "confirmationFunctionName" and provider.config.get("autoConfirm") is True
    return provider.config.get(flag) is True and not is_needless


def _completed(provider: Provider, keys: Keys, secrets: Secrets, verifiable: Set[str]) -> Provider:
    """A provider that is on, with its secrets, or why it cannot be used."""
    _check_config(provider, keys)
    found = _secrets(provider, keys, secrets)
    unusable: str | None = None
    if provider.name == "custom-token" and _needs_keys(provider) and not found.get("signingKeys"):
        unusable = "no signing key is known"
    elif provider.name not in _SUPPORTED:
        unusable = "this server does not know it"
    elif provider.name in OPENID and provider.name not in verifiable:
        unusable = "the keys that verify its tokens are not configured on this server"
    if unusable is not None and provider.name != "custom-token":
        keys.findings.warning(
            "auth.provider_unsupported",
            keys.path,
            f"nobody can log in with {provider.name!r:.100}: {unusable}",
            provider.name,
        )
    return Provider(
        provider.name,
        provider.disabled,
        provider.config,
        provider.secret_config,
        found,
        provider.metadata_fields,
        unusable,
        provider.domain_restrictions,
    )


def _check_config(provider: Provider, keys: Keys) -> None:
    config = keys.object("config")
    if provider.name == "local-userpass":
        _check_password_config(config)
    elif provider.name == "custom-token":
        config.choice("signingAlgorithm", ALGORITHMS, "HS256")
        config.flag("useJWKURI")
        config.text("jwkURI")
        if not isinstance(config.said("audience"), str):
            config.texts("audience")


def _check_password_config(config: Keys) -> None:
    """Without any way to be confirmed registrations stay pending, which is worth a word."""
    flags = ("autoConfirm", "runConfirmationFunction", "runResetFunction")
    auto_confirm, run_confirmation, _ = (config.flag(key) for key in flags)
    for key in ("confirmationFunctionName", "resetFunctionName", "resetPasswordUrl"):
        config.text(key)
    if not (auto_confirm or run_confirmation or config.text("emailConfirmationUrl")):
        config.findings.notice(
            "auth.no_confirmation",
            config.path,
            "new e-mail accounts stay unconfirmed: there is neither autoConfirm nor a function nor "
            "a URL; an operator can confirm them",
            config.where("autoConfirm"),
        )


def _needs_keys(provider: Provider) -> bool:
    return provider.config.get("useJWKURI") is not True


def _secrets(provider: Provider, keys: Keys, secrets: Secrets) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    of_config = keys.object("secret_config")
    if provider.name == "custom-token" and _needs_keys(provider):
        of_config = Keys(
            keys.path,
            {"signingKeys": [], **of_config.content},
            keys.findings,
            keys.where("secret_config."),
        )
    for key, said in of_config.content.items():
        names = _names(said)
        if len(names) > _MOST_KEYS:
            of_config.bad(key, f"there can be {_MOST_KEYS} secrets at most")
        texts = [text for text in map(secrets.find, names) if text is not None]
        if len(texts) < len(names) or not names:
            texts = [*secrets.of_provider(provider.name, key)] or texts
        if texts:
            found[key] = tuple(texts)
        if len(texts) < max(len(names), 1) and _is_wanted(provider, key):
            keys.findings.warning(
                "auth.secret_missing",
                keys.path,
                f"{provider.name}: the content of {', '.join(names) or 'any secret'} is not known",
                of_config.where(key),
            )
    return found


def _is_wanted(provider: Provider, key: str) -> bool:
    return key != "signingKeys" or _needs_keys(provider)


def _names(said: Any) -> list[str]:
    """The names of secrets in a value of secret_config: one or several."""
    return [name for name in (said if isinstance(said, list) else [said]) if isinstance(name, str)]
