//! Where an index is kept, and whether it is still the one of its log.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;
use xxhash_rust::xxh3::{Xxh3, xxh3_64};

use super::build::{self, BuildError, Work};
use super::{Fingerprint, Index};
use crate::event_log::open::{self, OpenError};

/// How much of the log's beginning, of its end and of each sample between them is hashed.
const SAMPLE_BYTES: u64 = 1 << 14;
/// How many samples there are.
const SAMPLES: u64 = 16;
/// Above this size in bytes an index is kept by default; below it, reading the log takes less than a second.
pub const KEPT_FROM_BYTES: u64 = 64 << 20;

/// About how many times a compressed log's size its text is.
const PACKED: u64 = 8;

/// Whether and where an index may be kept.
#[derive(Clone, Debug)]
pub struct Keep {
    /// The folder for indexes of logs whose own folder cannot be written.
    pub cache_dir: PathBuf,
    /// The smallest log whose index is kept, in bytes of text.
    pub from_bytes: u64,
}

/// What became of an index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kept {
    /// The log is small, or a pipe: none is kept.
    No,
    /// It is beside the log.
    Beside,
    /// It is in the cache, since it could not be written beside the log.
    InCache(PathBuf),
    /// It should have been kept, and could not be.
    Nowhere(String),
}

impl Fingerprint {
    /// That of a file. Nothing but a file has one.
    fn of(path: &Path) -> io::Result<Option<Self>> {
        let metadata = fs::metadata(path)?;
        if !metadata.is_file() {
            return Ok(None);
        }
        let file = File::open(path)?;
        let (len, mut hash) = (metadata.len(), Xxh3::new());
        let last = len.saturating_sub(SAMPLE_BYTES);
        let mut sample = Vec::new();
        for n in 0..SAMPLES {
            let at = (u128::from(last) * u128::from(n) / u128::from(SAMPLES - 1)) as u64;
            sample.resize(SAMPLE_BYTES.min(len) as usize, 0);
            file.read_exact_at(&mut sample, at)?;
            hash.update(&sample);
        }
        let written_ns = metadata.mtime().wrapping_mul(1_000_000_000).wrapping_add(metadata.mtime_nsec());
        Ok(Some(Fingerprint { len, written_ns: written_ns as u64, content: hash.digest() }))
    }
}

/// The index of the log in the file `path`: the one that is kept, or a new one.
pub fn find_or_build(
    path: &Path,
    keep: &Keep,
    progress: &mut dyn FnMut(build::Indexed),
) -> Result<(Index, Kept), OpenError> {
    let io = |source| OpenError::Io { path: path.to_owned(), source };
    let log = Fingerprint::of(path).map_err(io)?;
    let places = places(path, &keep.cache_dir).map_err(io)?;
    let seekable = open::is_seekable(path).map_err(io)?;
    let text_bytes = |log: Fingerprint| if seekable { log.len } else { log.len.saturating_mul(PACKED) };
    let wanted = log.is_some_and(|log| text_bytes(log) >= keep.from_bytes);
    for (place, kept) in places.iter().zip([Kept::Beside, Kept::InCache(places[1].clone())]) {
        if wanted && let Some(index) = kept_for(place, log) {
            return Ok((index, kept));
        }
    }
    let work = Work { log: log.unwrap_or_default(), events_max: u64::MAX, progress };
    let (file, index) = build_at(path, &folders(&places), work)?;
    Ok((index, if wanted { keep_file(&file, &places) } else { Kept::No }))
}

/// An index of the first events of a log that is kept nowhere.
pub fn pass_through(path: &Path, events_max: u64) -> Result<Index, OpenError> {
    let work = Work { log: Fingerprint::default(), events_max, progress: &mut |_| {} };
    Ok(build_at(path, &[std::env::temp_dir()], work)?.1)
}

/// The index that is kept at `place`, if it is one of this log as it is now.
fn kept_for(place: &Path, log: Option<Fingerprint>) -> Option<Index> {
    let index = Index::of_file(&File::open(place).ok()?).ok()??;
    (Some(index.log()) == log).then_some(index)
}

/// Beside the log, and in the cache.
fn places(path: &Path, cache_dir: &Path) -> io::Result<[PathBuf; 2]> {
    let named = |path: &Path| {
        let mut name = path.file_name().unwrap_or_default().to_owned();
        name.push(".idx");
        name
    };
    let absolute = std::path::absolute(path)?;
    let key = xxh3_64(absolute.as_os_str().as_encoded_bytes());
    Ok([path.with_file_name(named(path)), cache_dir.join("indexes").join(format!("{key:016x}.idx"))])
}

/// Where an index may be built: where there is room for it if it is kept, else where files pass by.
fn folders(places: &[PathBuf; 2]) -> Vec<PathBuf> {
    let parents = places.iter().filter_map(|place| place.parent()).map(|folder| match folder.as_os_str() {
        empty if empty.is_empty() => PathBuf::from("."),
        _ => folder.to_owned(),
    });
    parents.chain([std::env::temp_dir()]).collect()
}

/// A file without a name, which goes away with its last user, in the first folder that takes one.
fn nameless(folders: &[PathBuf]) -> io::Result<File> {
    let mut last = io::Error::from(io::ErrorKind::NotFound);
    for folder in folders {
        match tempfile::tempfile_in(folder) {
            Ok(file) => return Ok(file),
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// Builds an index in a file without a name.
fn build_at(path: &Path, folders: &[PathBuf], mut work: Work) -> Result<(File, Index), OpenError> {
    let explain = |error| match error {
        BuildError::Read(source) => OpenError::Read { path: path.to_owned(), source },
        BuildError::Write(source) => OpenError::Index { path: path.to_owned(), source },
    };
    let index = |source| OpenError::Index { path: path.to_owned(), source };
    let file = nameless(folders).map_err(index)?;
    let seekable =
        open::is_seekable(path).map_err(|source| OpenError::Io { path: path.to_owned(), source })?;
    let input = open::open_lines(path)?;
    match seekable {
        true => build::index(input, &file, &mut work),
        false => {
            let frames = nameless(folders).map_err(index)?;
            build::index_and_pack(input, &file, frames, &mut work)
        }
    }
    .map_err(explain)?;
    let built = Index::of_file(&file).map_err(index)?;
    let built = built.ok_or_else(|| index(io::Error::other("what was written cannot be read")))?;
    Ok((file, built))
}

/// Gives a built index its name, in the first place that takes it.
fn keep_file(file: &File, places: &[PathBuf; 2]) -> Kept {
    let Err(beside) = copy_to(file, &places[0]) else { return Kept::Beside };
    let in_cache = fs::create_dir_all(places[1].parent().unwrap_or(Path::new(".")))
        .and_then(|()| copy_to(file, &places[1]));
    match in_cache {
        Ok(()) => Kept::InCache(places[1].clone()),
        Err(_) => Kept::Nowhere(format!("{}: {beside}", places[0].display())),
    }
}

/// Copies a file to `place`, which has the old content or the new one at any moment.
fn copy_to(file: &File, place: &Path) -> io::Result<()> {
    let folder = place.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut named = NamedTempFile::new_in(folder)?;
    let mut buffer = vec![0; 1 << 18];
    let mut at = 0;
    loop {
        let count = file.read_at(&mut buffer, at)?;
        if count == 0 {
            break;
        }
        named.write_all(&buffer[..count])?;
        at += count as u64;
    }
    named.persist(place).map(drop).map_err(|error| error.error)
}
