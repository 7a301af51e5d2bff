"""Worlds in which the configuration of the app names a property for the partition: whatever
devices write to it, and whatever goes wrong, all objects of all replicas end with the value of the
partition (app-configuration.md 4.4)."""

from __future__ import annotations

import json

from simulation.long import again
from simulation.world import World

SEEDS = 25


class KeyedWorld(World):
    def start_server(self) -> None:
        super().start_server()
        self.server.configure_app("app", partition_key="name", now_ms=self.now)

    def wrong(self) -> list[tuple[str, object]]:
        """Partitions and values of their objects that are not theirs."""
        return [
            (replica.partition, thing["name"])
            for device in self.devices
            for replica in device.replicas
            for thing in replica.things().values()
            if thing["name"] != json.loads(replica.partition)
        ]


def test_every_object_ends_with_the_value_of_its_partition() -> None:
    objects = 0
    for seed in range(SEEDS):
        world = KeyedWorld(seed)
        try:
            world.make()
        except Exception as error:
            raise AssertionError(f"seed {seed}: {again(seed)}") from error
        assert world.wrong() == [], seed
        objects += sum(len(r.things()) for d in world.devices for r in d.replicas)
    assert objects > SEEDS
