"""What SDKs offer in an upgrade: every version of the protocol that they speak, newest first."""

from __future__ import annotations

PBS = "com.mongodb.realm-sync#"
OFFER = [f"{PBS}{version}" for version in range(14, 1, -1)]
