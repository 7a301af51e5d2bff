"""Log-ins with the tokens of the vectors: signed with the folder's secret, whom they name."""

from __future__ import annotations

from collections.abc import Iterator

import jwt

from realmsync.apps.load import load_path
from realmsync.server.accounts.foreign_tokens import BadToken, token_rules, verify
from vector_case import Case, Disagreement, Json

_NOW = 1_750_000_000.0  # seconds since 1970, at which all tokens are presented


def custom_token(case: Case) -> Iterator[Disagreement]:
    """`secret`: the secrets by name; `claims`: tokens, and whether each is accepted."""
    expected: Json = case.expected["custom_token"]
    secrets: dict[str, str] = expected["secret"]
    app = load_path(case.folder / "app", secrets=secrets).app
    provider = app.providers.get("custom-token") if app is not None else None
    if app is None or provider is None or provider.disabled or provider.unusable:
        yield Disagreement("custom_token", "a provider", provider)
        return
    rules = token_rules(provider.config, provider.metadata_fields, app.id)
    keys = provider.secrets.get("signingKeys", ())
    for entry in expected["claims"]:
        algorithm = entry.get("algorithm", rules.algorithm)
        if not algorithm.startswith("HS"):
            case.not_compared.append(f"custom_token {algorithm}")
            continue
        token = jwt.encode(
            entry["claims"], entry.get("key", next(iter(secrets.values()))), algorithm
        )
        what = f"custom_token {entry['claims']}"
        try:
            found = verify(rules, token, keys, _NOW)
        except BadToken as error:
            if entry["accepted"]:
                yield Disagreement(what, "accepted", str(error))
            continue
        if not entry["accepted"]:
            yield Disagreement(what, "refused", found)
        if found.sub != entry.get("identity", found.sub):
            yield Disagreement(f"{what} identity", entry["identity"], found.sub)
        if found.data != entry.get("data", found.data):
            yield Disagreement(f"{what} data", entry["data"], found.data)
