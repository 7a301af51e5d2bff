"""The queue of the server's writer under a simulated clock: what one user asks delays nobody."""

from __future__ import annotations

from collections import defaultdict, deque

from hypothesis import given
from hypothesis import strategies as st

from realmsync._testbed import JobQueue

MS = 1_000_000  # ns
LIGHT, HEAVY, TRANSACTION = 50 * MS, 600 * MS, 250 * MS  # ServerTuning


class Writer:
    """Runs what the queue gives, as write_batch.cpp does, on a clock of its own."""

    def __init__(self) -> None:
        self.queue = JobQueue()
        self.now = 0
        self.costs: dict[int, tuple[int, int]] = {}  # user and ns of each job
        self.heavy: set[int] = set()
        self.done: dict[int, int] = {}  # when
        self.served: dict[int, list[tuple[int, int]]] = defaultdict(list)  # by user: when, ns

    def upload(self, user: int, cost: int, *, partition: int = 1, size: int = 100) -> int:
        number = len(self.costs) + 1
        self.costs[number] = (user, cost)
        self.queue.push_upload(number, user, partition, user, size)
        return number

    def run_transaction(self) -> None:
        taken = self.queue.take()
        assert taken
        spent, costs, left, told = 0, [], [], []
        for at, number in enumerate(taken):
            user, cost = self.costs[number]
            allowed = HEAVY if number in self.heavy else LIGHT
            spent += min(cost, allowed)
            costs.append((user, min(cost, allowed)))
            if cost > allowed:
                assert number not in self.heavy, "no test asks for more than is taken"
                self.heavy.add(number)
                left = taken[at:]
                break
            told.append(number)
            if spent >= TRANSACTION:
                left = taken[at + 1 :]
                break
        self.now += spent
        for number in told:
            self.done[number] = self.now
        for user, cost in costs:
            self.served[user].append((self.now, cost))
        self.queue.settle(costs, left, [number for number in left if number in self.heavy])


def test_jobs_of_a_partition_keep_their_order() -> None:
    writer = Writer()
    numbers = [writer.upload(1, MS) for _ in range(100)]
    while not writer.queue.empty():
        writer.run_transaction()
    assert list(writer.done) == numbers


def test_a_small_upload_waits_for_one_large_one_at_most() -> None:
    writer = Writer()
    for user in range(2, 12):
        for _ in range(5):
            writer.upload(user, 500 * MS)
    worst = 0
    for _ in range(20):
        number, asked = writer.upload(1, MS), writer.now
        while number not in writer.done:
            writer.run_transaction()
        worst = max(worst, writer.done[number] - asked)
    # Each of the others' uploads takes one more turn until it is known to be large.
    assert worst <= 500 * MS + 10 * LIGHT + TRANSACTION


def test_a_new_client_is_accepted_before_the_uploads_that_wait() -> None:
    queue = JobQueue()
    for number in range(1, 101):
        queue.push_upload(number, 1, 1, 7, 1_000_000)
    queue.push_bind(200, 1, 1, 8)
    queue.push_bind(201, 1, 1, 7)
    assert queue.take()[0] == 200, "the uploads of file 7 count for its own bind"


@given(
    st.lists(
        st.tuples(st.integers(1, 5), st.integers(1, 3), st.integers(1, 40)),
        min_size=1,
        max_size=60,
    )
)
def test_whoever_has_work_gets_half_of_an_equal_share(
    users: list[tuple[int, int, int]],
) -> None:
    """Users with one to three partitions and uploads of 1 to 40 ms, who never run out of work."""
    writer = Writer()
    kinds = dict(enumerate(users))
    waiting: dict[int, deque[int]] = {user: deque() for user in kinds}

    def fill() -> None:
        for user, (depth, partitions, cost) in kinds.items():
            while waiting[user] and waiting[user][0] in writer.done:
                waiting[user].popleft()
            while len(waiting[user]) < depth * 300 // cost:
                at = len(waiting[user]) % partitions
                waiting[user].append(writer.upload(user, cost * MS, partition=at))

    second = 1000 * MS
    window = max(second, 4 * 40 * MS * len(kinds))  # a second, or some turns of everybody
    while writer.now < 4 * window:  # in the first two it learns what each one's uploads take
        fill()
        writer.run_transaction()
    for user in kinds:
        for start in (2 * window, 3 * window):
            served = sum(c for when, c in writer.served[user] if start < when <= start + window)
            assert served >= window / len(kinds) / 2


def test_a_query_set_stays_behind_the_upload_that_is_left() -> None:
    queue = JobQueue()
    for number in (1, 2):
        queue.push_upload(number, 1, 1, 7, 100)
    queue.push_query(3, 1, 1, 7, 100)
    queue.push_upload(4, 1, 1, 7, 100)
    queue.push_bind(5, 1, 1, 8)
    assert queue.take() == [5, 1, 2, 3, 4]
    queue.settle([(1, MS)], [2, 3, 4])
    assert queue.take() == [2, 3, 4]
    queue.settle([(1, MS)], [3, 4])
    assert queue.take() == [3, 4]


def test_a_storm_of_large_query_sets_delays_a_small_upload_by_one_of_them() -> None:
    queue = JobQueue()
    for number in range(1, 101):
        queue.push_query(number, 2, 1, 7, 1 << 20)
    queue.push_upload(200, 1, 1, 8, 100)
    before = 0
    while 200 not in (taken := queue.take()):
        assert len(taken) == 1
        before += 1
        queue.settle([(2, 300 * MS)])
    assert before <= 1 and taken == [200]
