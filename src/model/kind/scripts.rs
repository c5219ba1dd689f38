//! Scripts and functions: a few texts whose effect is known, each sent with its keys (`eval.c`, `functions.c`).

use crate::history::Reply;
use crate::model::{Expected, Go, Kind, Pick, Ran, Run, Stop, reads, rewords, rule, words};

pub(in crate::model) const KIND: Kind = Kind {
    name: "scripts",
    about: "scripts (`EVAL`) and functions (`FUNCTION LOAD`, `FCALL`) that swap, count twice and move an element",
    draw,
    rules: &[rewords("EVAL", eval), rewords("FCALL", fcall), reads("FUNCTION", function)],
};

/// What a script does with its keys and values.
type Effect = fn(&mut Run, &[&str], &[&str]) -> Result<Reply, Stop>;

/// A script: its name as a function, its body and what that does.
struct Script {
    name: &'static str,
    body: &'static str,
    run: Effect,
}

const SCRIPTS: [Script; 3] = [
    Script {
        name: "vf_swap",
        body: "local old = redis.call('GET', KEYS[1]) redis.call('SET', KEYS[1], ARGV[1]) return old",
        run: swap,
    },
    Script {
        name: "vf_twice",
        body: "redis.call('INCR', KEYS[1]) return redis.call('INCR', KEYS[1])",
        run: twice,
    },
    Script {
        name: "vf_move",
        body: "redis.call('RPUSH', KEYS[1], ARGV[1]) return redis.call('LMOVE', KEYS[1], KEYS[2], 'LEFT', 'RIGHT')",
        run: shift,
    },
];

/// All scripts as one library.
fn library() -> String {
    let function = |script: &Script| {
        format!("redis.register_function('{}', function(KEYS, ARGV) {} end)\n", script.name, script.body)
    };
    format!("#!lua name=vf\n{}", SCRIPTS.iter().map(function).collect::<String>())
}

fn draw(pick: &mut Pick) -> Vec<Go> {
    let tag = pick.key("lua").replace(':', "-");
    let [text, count, one, two] = ["s", "n", "a", "b"].map(|name| format!("{{{tag}}}{name}"));
    let script = &SCRIPTS[pick.choice(3) as usize];
    let keys = match script.name {
        "vf_swap" => vec![text],
        "vf_twice" => vec![count],
        _ => vec![one, two],
    };
    let number = keys.len().to_string();
    let call = |name: &str, what: &str| {
        let head = words(&[name, what, &number]);
        [head, keys.clone(), words(&[pick.token])].concat()
    };
    let (eval, fcall) = (call("EVAL", script.body), call("FCALL", script.name));
    match pick.choice(4) {
        0 => vec![vec![words(&["FUNCTION", "LOAD", "REPLACE", &library()]), fcall]],
        1 if keys.len() == 2 => vec![vec![words(&["LRANGE", &keys[1], "0", "-1"])]],
        1 => vec![vec![words(&["GET", &keys[0]])]],
        _ => vec![vec![eval]],
    }
}

fn eval(run: &mut Run) -> Ran {
    let body = run.arg(1)?;
    called(run, SCRIPTS.iter().find(|script| script.body == body))
}

fn fcall(run: &mut Run) -> Ran {
    let name = run.arg(1)?;
    called(run, SCRIPTS.iter().find(|script| script.name == name))
}

fn called(run: &mut Run, script: Option<&Script>) -> Ran {
    if run.told.is_some_and(is_cut_short) {
        return Err(Stop::Unmodelled);
    }
    let count = usize::try_from(run.int(2)?).map_err(|_| Stop::Error("ERR"))?;
    let rest = run.args.get(3..).filter(|rest| rest.len() >= count).ok_or(Stop::Error("ERR"))?;
    let (keys, values) = rest.split_at(count);
    (script.ok_or(Stop::Unmodelled)?.run)(run, keys, values).map(Expected::Is)
}

/// Whether a script ended where nobody can say how far it had come: the node lost the slot of a key meanwhile, or was another one
/// than the library had been sent to.
fn is_cut_short(told: &Reply) -> bool {
    const TEXTS: [&str; 2] = ["access a non local key", "Function not found"];
    matches!(told, Reply::Error(text) if TEXTS.iter().any(|known| text.contains(known)))
}

/// What a command replies within a script.
fn inner(run: &mut Run, args: &[&str]) -> Result<Reply, Stop> {
    let rule = rule(args[0]).ok_or(Stop::Unmodelled)?;
    match (rule.run)(&mut Run { state: run.state, args, now: run.now, told: None, conn: None })? {
        Expected::Is(reply) => Ok(reply),
        _ => Err(Stop::Unmodelled),
    }
}

fn swap(run: &mut Run, keys: &[&str], values: &[&str]) -> Result<Reply, Stop> {
    let [key] = keys else { return Err(Stop::Unmodelled) };
    let [value] = values else { return Err(Stop::Unmodelled) };
    let old = inner(run, &["GET", key])?;
    inner(run, &["SET", key, value])?;
    Ok(old)
}

fn twice(run: &mut Run, keys: &[&str], _values: &[&str]) -> Result<Reply, Stop> {
    let [key] = keys else { return Err(Stop::Unmodelled) };
    inner(run, &["INCR", key])?;
    inner(run, &["INCR", key])
}

fn shift(run: &mut Run, keys: &[&str], values: &[&str]) -> Result<Reply, Stop> {
    let [from, to] = keys else { return Err(Stop::Unmodelled) };
    let [value] = values else { return Err(Stop::Unmodelled) };
    inner(run, &["RPUSH", from, value])?;
    inner(run, &["LMOVE", from, to, "LEFT", "RIGHT"])
}

/// Libraries belong to a node, not to a cell; that one is loaded is checked by the calls that follow.
fn function(run: &mut Run) -> Ran {
    match run.arg(1)?.to_ascii_uppercase().as_str() {
        "LOAD" => Ok(Expected::Anything),
        _ => Err(Stop::Unmodelled),
    }
}
