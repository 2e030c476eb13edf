//! "Did you mean": the nearest of the names that would have been right.

/// Longer names are compared with none, in characters: nobody meant that one.
const MAX_NAME: usize = 64;
/// Most comparisons letter by letter that are made for all files together. Thousands of mistakes among thousands of names
/// would cost minutes, and nobody reads so far.
const MAX_COMPARISONS: usize = 1_000_000;
/// What a file may use of them in any case.
const MIN_COMPARISONS: usize = 10_000;

/// The candidate closest to `wrong`, if it is close enough to be what was meant: at most a third of the letters differ. Of
/// several, one whose consonants are the same: vowels are what people mistake.
pub fn nearest<'a>(wrong: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let wrong = Word::of(wrong)?;
    let near = candidates.into_iter().filter_map(|candidate| {
        let word = Word::of(candidate).filter(|word| wrong.may_be_near(word))?;
        Some((wrong.distance(&word)?, !wrong.sounds_like(&word), candidate))
    });
    near.min().map(|(.., candidate)| candidate)
}

/// Names that are looked at again and again, for one mistake after the other.
#[derive(Debug)]
pub struct Candidates<'a> {
    words: Vec<(Word, &'a str)>,
}

/// Comparisons that may still be made for one file: how many does not depend on what is done for others beside it.
#[derive(Debug)]
pub struct Patience(usize);

impl Patience {
    /// Each file's share.
    pub fn of_each(files: usize) -> Self {
        Self((MAX_COMPARISONS / files.max(1)).max(MIN_COMPARISONS))
    }
}

impl<'a> Candidates<'a> {
    pub fn new(names: impl IntoIterator<Item = &'a str>) -> Self {
        Self { words: names.into_iter().filter_map(|name| Some((Word::of(name)?, name))).collect() }
    }

    /// As [`nearest`]; `None` as well once too much was asked.
    pub fn nearest(&self, wrong: &str, patience: &mut Patience) -> Option<&'a str> {
        let wrong = Word::of(wrong)?;
        let alike = self.words.iter().filter(|(word, _)| wrong.may_be_near(word));
        let near = alike.filter_map(|(word, name)| {
            patience.0 = patience.0.checked_sub(1)?;
            Some((wrong.distance(word)?, !wrong.sounds_like(word), *name))
        });
        near.min().map(|(.., name)| name)
    }
}

/// A name without its case, and what tells at a glance that two are not alike.
#[derive(Debug)]
struct Word {
    letters: Vec<char>,
    /// One bit for each letter that occurs; several letters share one.
    occurring: u64,
}

impl Word {
    fn of(name: &str) -> Option<Self> {
        // A character has at most four bytes.
        if name.len() > 4 * MAX_NAME {
            return None;
        }
        let letters: Vec<char> = name.chars().flat_map(char::to_lowercase).collect();
        let occurring = letters.iter().fold(0, |bits, letter| bits | 1 << (u32::from(*letter) % 64));
        (letters.len() <= MAX_NAME).then_some(Self { letters, occurring })
    }

    /// How many edits make another word still the one that was meant.
    fn limit(&self) -> usize {
        // Any one letter is one edit away from any other: nothing is meant by that.
        if self.letters.len() < 2 { 0 } else { (self.letters.len() / 3).clamp(1, 3) }
    }

    /// Whether the two differ in nothing but vowels.
    fn sounds_like(&self, other: &Self) -> bool {
        let consonants = |word: &Self| -> Vec<char> {
            word.letters.iter().copied().filter(|letter| !matches!(letter, 'a' | 'e' | 'i' | 'o' | 'u' | 'y')).collect()
        };
        consonants(self) == consonants(other)
    }

    /// `false` only where the distance is certainly above the limit: an edit changes the length by one at most, and takes
    /// away one letter and brings one at most.
    fn may_be_near(&self, other: &Self) -> bool {
        self.letters.len().abs_diff(other.letters.len()) <= self.limit()
            && (self.occurring ^ other.occurring).count_ones() as usize <= 2 * self.limit()
    }

    /// Edits (insert, delete, replace, swap of neighbours) between two words: optimal string alignment. `None` above the
    /// limit.
    fn distance(&self, other: &Self) -> Option<usize> {
        let (left, right, limit) = (&self.letters, &other.letters, self.limit());
        let mut before_last: Vec<usize> = vec![usize::MAX / 2; right.len() + 1];
        let mut last: Vec<usize> = (0..=right.len()).collect();
        let mut row: Vec<usize> = Vec::with_capacity(right.len() + 1);
        for (i, a) in left.iter().enumerate() {
            row.clear();
            row.push(i + 1);
            for (j, b) in right.iter().enumerate() {
                let replaced = at(&last, j) + usize::from(a != b);
                let mut best = replaced.min(at(&last, j + 1) + 1).min(at(&row, j) + 1);
                let swapped = i > 0 && j > 0 && left.get(i - 1) == Some(b) && right.get(j - 1) == Some(a);
                if swapped {
                    best = best.min(at(&before_last, j - 1) + 1);
                }
                row.push(best);
            }
            // What follows is made from these two rows.
            if row.iter().chain(&last).all(|edits| *edits > limit) {
                return None;
            }
            std::mem::swap(&mut before_last, &mut last);
            std::mem::swap(&mut last, &mut row);
        }
        Some(at(&last, right.len())).filter(|edits| *edits <= limit)
    }
}

fn at(row: &[usize], index: usize) -> usize {
    row.get(index).copied().unwrap_or(usize::MAX / 2)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Candidates, MAX_COMPARISONS, Patience, Word, nearest};

    #[test]
    fn a_slip_is_found_and_a_stranger_is_not() {
        let names = ["signature", "environment", "p99_ms"];
        assert_eq!(nearest("signatrue", names), Some("signature"));
        assert_eq!(nearest("Signature", names), Some("signature"));
        assert_eq!(nearest("p95_ms", names), Some("p99_ms"));
        assert_eq!(nearest("banana", names), None);
        assert_eq!(nearest("tipe", ["time", "type", "tape_"]), Some("type"));
        assert_eq!(nearest(&"signature".repeat(100), names), None);
        assert_eq!(nearest("F", ["E", "f"]), Some("f"));
        assert_eq!(nearest("G", ["E"]), None);
    }

    #[test]
    fn a_file_is_good_for_so_many_comparisons() {
        let candidates = Candidates::new(std::iter::repeat_n("abc", 1_000));
        let mut patience = Patience::of_each(1);
        assert_eq!(candidates.nearest("abd", &mut patience), Some("abc"));
        let asked = std::iter::repeat_with(|| candidates.nearest("abd", &mut patience)).take_while(Option::is_some);
        assert!(asked.take(MAX_COMPARISONS).count() < MAX_COMPARISONS / 100);
    }

    proptest! {
        /// What is sorted out at a glance would not have been near.
        #[test]
        fn nothing_near_is_sorted_out(wrong in "[a-cA-C_é]{0,9}", names in prop::collection::vec("[a-cA-C_é]{0,9}", 0..6)) {
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            let limit = Word::of(&wrong).unwrap().limit();
            let sounds = |name: &str| Word::of(&wrong).unwrap().sounds_like(&Word::of(name).unwrap());
            let all = names.iter().map(|name| (plain_distance(&wrong, name), !sounds(name), *name));
            let slow = all.filter(|(edits, ..)| *edits <= limit).min().map(|(.., name)| name);
            prop_assert_eq!(nearest(&wrong, names.iter().copied()), slow);
            prop_assert_eq!(Candidates::new(names).nearest(&wrong, &mut Patience::of_each(1)), slow);
        }
    }

    /// The whole table, without a limit.
    fn plain_distance(left: &str, right: &str) -> usize {
        let letters = |text: &str| Word::of(text).unwrap().letters;
        let (left, right) = (letters(left), letters(right));
        let mut table = vec![vec![0; right.len() + 1]; left.len() + 1];
        for i in 0..=left.len() {
            for j in 0..=right.len() {
                table[i][j] = match (i, j) {
                    (0, edits) | (edits, 0) => edits,
                    _ => {
                        let replaced = table[i - 1][j - 1] + usize::from(left[i - 1] != right[j - 1]);
                        let best = replaced.min(table[i - 1][j] + 1).min(table[i][j - 1] + 1);
                        let swapped = i > 1 && j > 1 && left[i - 1] == right[j - 2] && left[i - 2] == right[j - 1];
                        if swapped { best.min(table[i - 2][j - 2] + 1) } else { best }
                    }
                };
            }
        }
        table[left.len()][right.len()]
    }
}
