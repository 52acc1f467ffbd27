"""Queues of jobs: a job is gone only when it is done, whatever happens to its worker."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from sn7ml.areas.jobs import BrokerJobs, Claim, Jobs, LocalJobs, open_jobs
from sn7ml.core.errors import AreasError


class Clock:
    now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def jobs(tmp_path: Path, clock: Clock) -> LocalJobs:
    return LocalJobs(tmp_path / "queue.sqlite", lease_s=60.0, now=clock)


def claimed(jobs: Jobs) -> Claim:
    claim = jobs.claim()
    assert claim is not None
    return claim


def test_jobs_come_in_order_and_are_gone_when_done(jobs: LocalJobs) -> None:
    assert jobs.put(["a", "b", "c"]) == 3
    first, second = claimed(jobs), claimed(jobs)
    assert (first.job, second.job) == ("a", "b")
    first.done()
    assert jobs.open_jobs() == 2
    second.done()
    claimed(jobs).done()
    assert jobs.claim() is None
    assert jobs.open_jobs() == 0


def test_a_job_that_was_put_before_is_not_put_again(jobs: LocalJobs) -> None:
    jobs.put(["a", "b"])
    claimed(jobs).done()
    assert jobs.put(["a", "b", "c"]) == 1
    assert jobs.open_jobs() == 2


def test_the_job_of_a_dead_worker_comes_back_after_its_lease(jobs: LocalJobs, clock: Clock) -> None:
    jobs.put(["a"])
    claimed(jobs)
    clock.now_s += 59
    assert jobs.claim() is None
    clock.now_s += 2
    assert claimed(jobs).job == "a"


def test_a_worker_that_says_it_lives_keeps_its_job(jobs: LocalJobs, clock: Clock) -> None:
    jobs.put(["a"])
    claim = claimed(jobs)
    for _ in range(5):
        clock.now_s += 40
        claim.keep()
    assert jobs.claim() is None


def test_a_slow_worker_cannot_take_back_what_another_holds(jobs: LocalJobs, clock: Clock) -> None:
    jobs.put(["a"])
    slow = claimed(jobs)
    clock.now_s += 61
    claimed(jobs)
    slow.keep()
    slow.give_up()
    assert jobs.claim() is None
    clock.now_s += 61
    assert claimed(jobs).job == "a"


def test_a_job_that_is_given_up_is_free_at_once(jobs: LocalJobs) -> None:
    jobs.put(["a", "b"])
    claimed(jobs).give_up()
    assert claimed(jobs).job == "a"


def test_a_job_that_kills_its_workers_is_named(jobs: LocalJobs, clock: Clock) -> None:
    jobs.put(["a"])
    for _ in range(25):
        claimed(jobs)
        clock.now_s += 61
    with pytest.raises(AreasError) as caught:
        jobs.claim()
    assert caught.value.code == "areas.job-never-done"


WORKER = """
import sys, time
from pathlib import Path
from sn7ml.areas.jobs import LocalJobs
jobs = LocalJobs(Path(sys.argv[1]), lease_s=1.0)
while (claim := jobs.claim()) is not None or jobs.open_jobs():
    if claim is None:
        time.sleep(0.05)
        continue
    time.sleep(0.01)
    with open(sys.argv[2], "a") as log:
        log.write(claim.job + "\\n")
    claim.done()
"""


def test_many_workers_of_which_some_are_killed_do_every_job(tmp_path: Path) -> None:
    queue, log = tmp_path / "queue.sqlite", tmp_path / "log"
    wanted = [f"job-{number:03d}" for number in range(120)]
    LocalJobs(queue).put(wanted)
    command = [sys.executable, "-c", WORKER, str(queue), str(log)]
    workers = [subprocess.Popen(command) for _ in range(4)]
    for worker in workers[:2]:
        while not log.exists() or len(log.read_text().splitlines()) < 20:
            assert worker.poll() is None
        os.kill(worker.pid, signal.SIGKILL)
    assert [worker.wait(timeout=120) for worker in workers] == [-signal.SIGKILL, -signal.SIGKILL, 0, 0]
    assert sorted(set(log.read_text().split())) == wanted


def test_a_file_that_is_no_queue_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "areas.csv"
    path.write_text("tile,area\n" * 100)
    with pytest.raises(AreasError) as caught:
        open_jobs(str(path))
    assert caught.value.code == "areas.queue-file"
    assert path.read_text() == "tile,area\n" * 100


def test_a_queue_of_sqs_hands_out_jobs_and_takes_them_back(sqs: str) -> None:
    jobs = BrokerJobs(sqs, wait_s=1.0)
    assert jobs.claim() is None
    jobs.put(["a", "b"])
    first = claimed(jobs)
    first.give_up()
    seen = []
    for _ in range(5):  # a message that was handed back is not there at once
        if (claim := jobs.claim()) is not None:
            seen.append(claim.job)
            claim.done()
    assert sorted(seen) == ["a", "b"]
    assert jobs.open_jobs() == 0
    jobs.close()


def test_a_broker_that_is_not_there_is_named_without_its_password() -> None:
    with pytest.raises(AreasError) as caught:
        open_jobs("amqp://someone:secret@127.0.0.1:1//")
    assert caught.value.code == "areas.broker"
    assert "secret" not in str(caught.value)
