//! Runs jobs side by side, each worker on a processor of its own.
//!
//! A simulation and its servers take turns, so one processor is all that they can use, and a hand-over across
//! processors costs five times as much. Workers share nothing but the list of jobs. What comes of a job must not
//! depend on which worker had it or what ran beside it; the caller hears of results as they come, with their jobs'
//! places in the list.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::panic::resume_unwind;
use std::sync::{Mutex, PoisonError};

use crossbeam_channel::bounded;
use nix::sched::{CpuSet, sched_getaffinity, sched_getcpu, sched_setaffinity};
use nix::unistd::Pid;

/// Does `work` for every job, as many at once as there are workers, and hands each result with its job's place to
/// `take`. After `take` breaks, no further job is begun; those under way are still finished and handed over.
pub fn side_by_side<J: Send, R: Send>(
    workers: NonZeroUsize,
    jobs: impl Iterator<Item = J> + Send,
    work: impl Fn(J) -> R + Sync,
    take: impl FnMut(usize, R) -> ControlFlow<()>,
) {
    equipped(workers, jobs, || (), |(), job| work(job), take);
}

/// The same, and each worker has something of its own for all its jobs, which `equip` makes on the worker's thread.
pub fn equipped<E, J: Send, R: Send>(
    workers: NonZeroUsize,
    jobs: impl Iterator<Item = J> + Send,
    equip: impl Fn() -> E + Sync,
    work: impl Fn(&mut E, J) -> R + Sync,
    mut take: impl FnMut(usize, R) -> ControlFlow<()>,
) {
    let jobs = Mutex::new(Some(jobs.enumerate()));
    let next = || lock(&jobs).as_mut().and_then(Iterator::next);
    let processors = processors();
    // Where this thread runs now: two programs with one worker each do not both take the first processor.
    let first = sched_getcpu().ok().and_then(|at| processors.iter().position(|one| *one == at)).unwrap_or(0);
    let (send, results) = bounded(workers.get());
    std::thread::scope(|scope| {
        for worker in 0..workers.get() {
            let (send, next, equip, work) = (send.clone(), &next, &equip, &work);
            let processor = processors.get((first + worker) % processors.len().max(1)).copied();
            scope.spawn(move || {
                processor.inspect(|processor| pin_to(*processor));
                let mut equipment = equip();
                while let Some((place, job)) = next() {
                    if send.send((place, work(&mut equipment, job))).is_err() {
                        break;
                    }
                }
            });
        }
        drop(send);
        for (place, result) in &results {
            if take(place, result).is_break() {
                *lock(&jobs) = None;
            }
        }
    });
}

/// Does `work` for every job; the results come in the order of the jobs.
pub fn all<J: Send, R: Send>(
    workers: NonZeroUsize,
    jobs: impl Iterator<Item = J> + Send,
    work: impl Fn(J) -> R + Sync,
) -> Vec<R> {
    let mut results = BTreeMap::new();
    side_by_side(workers, jobs, work, |place, result| {
        results.insert(place, result);
        ControlFlow::Continue(())
    });
    results.into_values().collect()
}

/// Does `aside` on a thread of its own while this one does `here`.
pub fn both<A: Send, B>(aside: impl FnOnce() -> A + Send, here: impl FnOnce() -> B) -> (A, B) {
    std::thread::scope(|scope| {
        let aside = scope.spawn(aside);
        let here = here();
        (aside.join().unwrap_or_else(|panic| resume_unwind(panic)), here)
    })
}

/// A worker that panics holds no half-made list: the lock guards one step of an iterator.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The processors that this thread may use, in order; none if the kernel does not say.
fn processors() -> Vec<usize> {
    let allowed = sched_getaffinity(Pid::from_raw(0)).ok();
    let is_allowed = |processor: &usize| allowed.is_some_and(|set| set.is_set(*processor).unwrap_or(false));
    (0..CpuSet::count()).filter(is_allowed).collect()
}

/// Keeps this thread on a processor. Where the kernel refuses, it is slower and otherwise the same.
pub fn pin_to(processor: usize) {
    let mut one = CpuSet::new();
    let _ = one.set(processor).and_then(|()| sched_setaffinity(Pid::from_raw(0), &one));
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWO: NonZeroUsize = NonZeroUsize::new(2).expect("two is not zero");

    #[test]
    fn every_job_is_done_once_and_results_come_in_the_order_of_jobs() {
        let results = all(TWO, (0..100).map(|n| n * 3), |job| job + 1);
        assert_eq!(results, (0..100).map(|n| n * 3 + 1).collect::<Vec<_>>());
    }

    #[test]
    fn after_a_break_what_is_under_way_is_still_handed_over() {
        let mut taken = 0;
        let begun = Mutex::new(0);
        side_by_side(
            TWO,
            0..1_000_000,
            |_| *lock(&begun) += 1,
            |_, ()| {
                taken += 1;
                if taken == 5 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            },
        );
        assert_eq!(taken, *lock(&begun));
        assert!((5..100).contains(&taken), "{taken}");
    }

    #[test]
    fn what_is_done_aside_comes_back_and_so_does_its_panic() {
        assert_eq!(both(|| 1, || "here"), (1, "here"));
        let panicked = std::panic::catch_unwind(|| both(|| panic!("aside"), || ()));
        assert_eq!(panicked.expect_err("it panics").downcast_ref(), Some(&"aside"));
    }

    #[test]
    fn each_worker_has_its_own_for_all_its_jobs() {
        let made = Mutex::new(0);
        let equip = || {
            *lock(&made) += 1;
            0
        };
        let mut counts = 0;
        let count = |done: &mut u32, _| {
            *done += 1;
            *done
        };
        equipped(TWO, 0..100, equip, count, |_, done| {
            counts += u32::from(done == 1);
            ControlFlow::Continue(())
        });
        assert_eq!(*lock(&made), 2);
        assert!((1..=2).contains(&counts), "{counts} of two workers had a first job");
    }

    #[test]
    fn no_jobs_are_no_results() {
        side_by_side(TWO, std::iter::empty::<()>(), |()| (), |_, ()| panic!("there was no job"));
    }

    #[test]
    fn each_worker_is_on_one_processor() {
        side_by_side(
            TWO,
            0..8,
            |_| processors().len(),
            |_, processors| {
                assert_eq!(processors, 1);
                ControlFlow::Continue(())
            },
        );
    }
}
