//! Bitmaps: strings, bit by bit (`bitops.c`).

use crate::model::{Expected, Go, Kind, Pick, Ran, Run, Stop, reads, words, writes};

/// The last bit that clients of the model write.
const BIT_MAX: i64 = 1 << 20;

pub(in crate::model) const KIND: Kind = Kind {
    name: "bitmaps",
    about: "bitmaps: `SETBIT`, `GETBIT`, `BITCOUNT`",
    draw,
    rules: &[writes("SETBIT", setbit), reads("GETBIT", getbit), reads("BITCOUNT", bitcount)],
};

fn draw(pick: &mut Pick) -> Vec<Go> {
    let (key, at) = (pick.key("bits"), pick.number(200));
    vec![vec![match pick.choice(4) {
        0 | 1 => words(&["SETBIT", &key, &at, &pick.number(2)]),
        2 => words(&["GETBIT", &key, &at]),
        _ => words(&["BITCOUNT", &key]),
    }]]
}

/// The byte of a bit, and its mask in there.
fn bit(run: &Run) -> Result<(usize, u8), Stop> {
    match run.int(2)? {
        at @ 0..=BIT_MAX => Ok(((at / 8) as usize, 0x80 >> (at % 8))),
        at if at < 0 => Err(Stop::Error("ERR")),
        _ => Err(Stop::Unmodelled),
    }
}

fn setbit(run: &mut Run) -> Ran {
    run.only(4)?;
    let (key, (byte, mask), on) = (run.arg(1)?, bit(run)?, run.int(3)?);
    if !(0..=1).contains(&on) {
        return Err(Stop::Error("ERR"));
    }
    let mut text = run.state.text(key)?.unwrap_or_default().to_vec();
    text.resize(text.len().max(byte + 1), 0);
    let was = text[byte] & mask != 0;
    text[byte] = if on == 1 { text[byte] | mask } else { text[byte] & !mask };
    run.state.write_text(key, text);
    Ok(Expected::yes(was))
}

fn getbit(run: &mut Run) -> Ran {
    run.only(3)?;
    let (byte, mask) = bit(run)?;
    let text = run.state.text(run.arg(1)?)?.unwrap_or_default();
    Ok(Expected::yes(text.get(byte).is_some_and(|byte| byte & mask != 0)))
}

fn bitcount(run: &mut Run) -> Ran {
    run.only(2).map_err(|_| Stop::Unmodelled)?;
    let text = run.state.text(run.arg(1)?)?.unwrap_or_default();
    Ok(Expected::int(text.iter().map(|byte| u64::from(byte.count_ones())).sum::<u64>()))
}
