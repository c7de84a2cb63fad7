"""The simulation of the benchmark as a Mesa model. Runs in an environment of its own: mesa and numpy, without the package.

    python simulation_mesa.py people.npy facts.json
"""
import json
import resource
import sys
import time
from pathlib import Path

import mesa
import numpy as np
from simulation_plain import Shopper, World


class ShopperAgent(mesa.Agent, Shopper):
    """A customer as an agent."""

    def step(self) -> None:
        self.live_week(self.model.week)


class Shop(mesa.Model):
    """All customers; a step is a week."""

    def __init__(self, people, facts: dict, seed: int):
        super().__init__(seed=seed)
        self.world, self.week = World(facts, seed), 0
        columns = (people[name].tolist() for name in ("rate", "visit", "leave", "log_basket", "cost"))
        for each in zip(*columns, strict=True):
            ShopperAgent(self).enter(self.world, *each)

    def step(self) -> None:
        self.agents.do("step")
        self.week += 1


def spent() -> tuple[float, float]:
    """Return CPU and wall seconds of this process so far."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime, time.perf_counter()


def main() -> None:
    """Run, and print what it took and what came out."""
    people, facts = np.load(sys.argv[1]), json.loads(Path(sys.argv[2]).read_text())
    begin = spent()
    shop = Shop(people, facts, seed=0)
    for _ in range(facts["weeks"]):
        shop.step()
    cpu, wall = (now - before for now, before in zip(spent(), begin, strict=True))
    agents = list(shop.agents)
    print(json.dumps({"cpu": cpu, "wall": wall, "facts": {
        "mesa": mesa.__version__, "orders": sum(agent.n_orders for agent in agents), "redeemed": sum(agent.paid_points for agent in agents)}}))


if __name__ == "__main__":
    main()
