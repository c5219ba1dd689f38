//! The minimal cause: few items that fail together, of many that do, by delta debugging.
//!
//! The method is ddmin of Zeller and Hildebrandt ("Simplifying and Isolating Failure-Inducing Input", IEEE Transactions
//! on Software Engineering 28(2), 2002): keep one of n parts, else drop one of n parts, else cut into twice as many. What
//! remains is 1-minimal: with any single item dropped it does not fail any more. For `m` items it takes about
//! 2 log₂ m probes if one of them is the cause, and m² + 3m at worst. Nothing at all is tried first. After a part was
//! dropped the next one is tried, not the first again, which saves many probes and loses nothing.
//!
//! Items may belong to stages: those of stage 0 are reduced first while all others stay, then stage 1, and so on. What a
//! later stage drops may make an item of an earlier one needless, so at the end single items of all stages are tried
//! until none can go. With one stage this asks nothing new.
//!
//! Parts are asked about in batches, but the first failing one *in order* is taken, so the result does not depend on
//! the number of jobs; nor does it where the budget ends the search, since only answers used count against it. No
//! set of items is asked about twice. A set that cannot be judged is not taken, like one that passes; an item that
//! stays only because the rest without it cannot be judged is reported as unsure.

use std::collections::BTreeMap;

use super::{Answer, BisectError, Prober, Progress};

/// The items that remain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Minimal<T> {
    /// In the order they had. They fail together.
    pub items: Vec<T>,
    /// Whether each of them was tried without; not so if the budget was spent before.
    pub complete: bool,
    /// Those of them without which the rest could not be judged.
    pub unsure: Vec<T>,
    /// How many sets could not be judged.
    pub unknown: usize,
    /// How many sets were run.
    pub probes: usize,
}

/// Reduces `items`, which must fail together, with at most `budget` answers beyond those for all and for nothing.
pub fn ddmin<T: Clone, P: Prober<Vec<T>>>(
    items: &[T],
    prober: P,
    budget: usize,
    progress: &mut dyn FnMut(Progress),
) -> Result<Minimal<T>, P::Error> {
    ddmin_by_stage(items, |_| 0, prober, budget, progress)
}

/// Like [`ddmin`], but items of the lowest stage are dropped first.
pub fn ddmin_by_stage<T: Clone, P: Prober<Vec<T>>>(
    items: &[T],
    stage: impl Fn(&T) -> u8,
    prober: P,
    budget: usize,
    progress: &mut dyn FnMut(Progress),
) -> Result<Minimal<T>, P::Error> {
    let mut stages: BTreeMap<u8, Vec<usize>> = BTreeMap::new();
    for (index, item) in items.iter().enumerate() {
        stages.entry(stage(item)).or_default().push(index);
    }
    let kept = (0..items.len()).collect();
    let answers = BTreeMap::new();
    let mut reduction =
        Reduction { items, prober, kept, answers, left: budget, spent: false, outlook: 0, progress };
    if reduction.begin()? {
        for stage in stages.into_values() {
            reduction.reduce(stage)?;
        }
        reduction.drop_singles()?;
    }
    Ok(reduction.minimal())
}

/// An answer once given, and whether it was used, which is when it counts.
struct Remembered {
    answer: Answer,
    used: bool,
}

/// A search under way. Sets of items are their indices in order.
struct Reduction<'a, T, P> {
    items: &'a [T],
    prober: P,
    /// The smallest failing set so far.
    kept: Vec<usize>,
    /// By set, as its bits.
    answers: BTreeMap<Vec<u64>, Remembered>,
    /// How many more answers may be used.
    left: usize,
    /// Whether one more was wanted.
    spent: bool,
    /// How many more probes it will be, roughly.
    outlook: usize,
    progress: &'a mut dyn FnMut(Progress),
}

impl<T: Clone, P: Prober<Vec<T>>> Reduction<'_, T, P> {
    /// Everything must fail. Says whether there is anything to reduce: not if nothing at all fails already.
    fn begin(&mut self) -> Result<bool, P::Error> {
        let ends = [self.kept.clone(), Vec::new()];
        let distinct = if self.items.is_empty() { 1 } else { 2 };
        for batch in ends[..distinct].chunks(self.prober.jobs().max(1)) {
            self.ask(batch)?;
            let whole = &self.remembered(&self.kept).expect("it was just asked").answer;
            if !whole.fails() {
                return Err(BisectError::NotReproduced(whole.clone()).into());
            }
        }
        self.answers.values_mut().for_each(|end| end.used = true);
        let nothing = self.remembered(&[]).is_some_and(|nothing| nothing.answer.fails());
        if nothing {
            self.kept.clear();
        }
        Ok(!nothing)
    }

    /// Reduces the items of one stage while all others stay as they are.
    fn reduce(&mut self, mut own: Vec<usize>) -> Result<(), P::Error> {
        let others = without(&self.kept, &own);
        let with = |part: &[usize]| union(&others, part);
        if self.first_failing(1, |_| others.clone())?.is_some() {
            self.kept = others;
            return Ok(());
        }
        let (mut parts, mut next) = (2, 0);
        while own.len() > 1 && !self.spent {
            self.outlook = 2 * parts * (1 + (own.len() / parts).max(1).ilog2() as usize);
            let after = |index: usize| (next + index) % parts;
            if let Some(index) = self.first_failing(parts, |index| with(part(&own, index, parts)))? {
                own = part(&own, index, parts).to_vec();
                (parts, next) = (2, 0);
            } else if let Some(index) =
                self.first_failing(parts, |index| with(&without(&own, part(&own, after(index), parts))))?
            {
                let dropped = after(index);
                own = without(&own, part(&own, dropped, parts));
                parts = (parts - 1).max(2);
                next = dropped % parts;
            } else if parts < own.len() {
                (parts, next) = ((2 * parts).min(own.len()), 0);
            } else {
                break;
            }
            self.kept = with(&own);
        }
        Ok(())
    }

    /// Drops single items of any stage until none can be spared.
    fn drop_singles(&mut self) -> Result<(), P::Error> {
        let mut next = 0;
        loop {
            let kept = self.kept.clone();
            self.outlook = kept.len();
            let after = |index: usize| (next + index) % kept.len();
            let spared = |index: usize| without(&kept, &[kept[after(index)]]);
            let Some(index) = self.first_failing(kept.len(), spared)? else { return Ok(()) };
            self.kept = spared(index);
            next = after(index);
        }
    }

    /// The first of `count` sets, in their order, that fails; nothing if none does, or the budget is spent.
    fn first_failing(
        &mut self,
        count: usize,
        set: impl Fn(usize) -> Vec<usize>,
    ) -> Result<Option<usize>, P::Error> {
        for index in 0..count {
            if self.remembered(&set(index)).is_none() && self.left > 0 {
                let useful = self.prober.jobs().clamp(1, self.left);
                let fresh = (index..count).map(&set).filter(|set| self.remembered(set).is_none());
                let batch: Vec<_> = fresh.take(useful).collect();
                self.ask(&batch)?;
            }
            match self.use_answer(&set(index)) {
                Some(true) => return Ok(Some(index)),
                Some(false) => {}
                None => return Ok(None),
            }
        }
        Ok(None)
    }

    /// Whether a set fails; nothing if the budget does not allow to know.
    fn use_answer(&mut self, set: &[usize]) -> Option<bool> {
        let known = self.answers.get_mut(&bits(set));
        let allowed = known.filter(|known| known.used || self.left > 0);
        self.spent |= allowed.is_none();
        allowed.map(|known| {
            self.left -= usize::from(!known.used);
            known.used = true;
            known.answer.fails()
        })
    }

    fn remembered(&self, set: &[usize]) -> Option<&Remembered> {
        self.answers.get(&bits(set))
    }

    fn ask(&mut self, sets: &[Vec<usize>]) -> Result<(), P::Error> {
        let candidates: Vec<Vec<T>> = sets.iter().map(|set| self.named(set)).collect();
        let answers = self.prober.probe(&candidates)?;
        assert_eq!(answers.len(), sets.len(), "a prober answers every candidate");
        let answers = answers.into_iter().map(|answer| Remembered { answer, used: false });
        self.answers.extend(sets.iter().map(|set| bits(set)).zip(answers));
        let probes = self.answers.len();
        (self.progress)(Progress { probes, about: probes + self.outlook, best: self.kept.len() });
        Ok(())
    }

    fn named(&self, set: &[usize]) -> Vec<T> {
        set.iter().map(|index| self.items[*index].clone()).collect()
    }

    fn minimal(self) -> Minimal<T> {
        let is_unknown = |known: &Remembered| matches!(known.answer, Answer::Unknown(_));
        let is_unsure =
            |index: &usize| self.remembered(&without(&self.kept, &[*index])).is_some_and(is_unknown);
        let unsure: Vec<usize> = self.kept.iter().copied().filter(is_unsure).collect();
        Minimal {
            items: self.named(&self.kept),
            complete: !self.spent,
            unsure: self.named(&unsure),
            unknown: self.answers.values().filter(|known| is_unknown(known)).count(),
            probes: self.answers.len(),
        }
    }
}

/// The part with number `index` of `parts` parts of almost equal size.
fn part(set: &[usize], index: usize, parts: usize) -> &[usize] {
    &set[index * set.len() / parts..(index + 1) * set.len() / parts]
}

fn without(set: &[usize], dropped: &[usize]) -> Vec<usize> {
    set.iter().copied().filter(|index| dropped.binary_search(index).is_err()).collect()
}

fn union(a: &[usize], b: &[usize]) -> Vec<usize> {
    let mut all = [a, b].concat();
    all.sort_unstable();
    all
}

/// A set as a bit map, which stays small where there are many items.
fn bits(set: &[usize]) -> Vec<u64> {
    let mut words = vec![0; set.last().map_or(0, |last| last / 64 + 1)];
    for index in set {
        words[index / 64] |= 1 << (index % 64);
    }
    words
}
