"""How long and how often."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Settings:
    """Times are seconds of the clock."""

    rounds: int = 5
    #: A core cell: samples after warming up, and the time one takes.
    samples: int = 5
    sample_s: float = 0.15
    #: A net cell: load that does not count, then load that does.
    warmup_s: float = 0.3
    measured_s: float = 1.0
    #: Whether nothing comes before that load or those samples: no first connection that is closed again, no first session.
    cold: bool = False
    #: Idle connections of a memory cell, at most.
    most_idle: int = 5000
    #: Whatever has not finished then, hangs.
    core_cell_limit_s: float = 60.0
    server_start_limit_s: float = 20.0
    #: Whether servers and single-threaded cells are tied to the first processor, the load generator to the second.
    pinned: bool = True


#: One short round: shows that everything works, measures nothing.
QUICK = Settings(rounds=1, samples=1, sample_s=0.005, warmup_s=0.05, measured_s=0.15, most_idle=100)

#: Cells of a third of the time: for the whole table on every loop. Ratios scatter a little more, and rounds show by how much.
BRIEF = Settings(samples=3, sample_s=0.06, warmup_s=0.15, measured_s=0.4)
