/work/main/src/shim/target/debug/deps/valkey_fuzzer_shim-84cbbb9724678420.d: /work/main/.clippy.toml preload/lib.rs preload/../page.rs preload/alarm.rs preload/allocator.rs preload/arena.rs preload/baton.rs preload/calls.rs preload/check.rs preload/clock.rs preload/counter.rs preload/descriptor.rs preload/disk.rs preload/entropy.rs preload/epoll.rs preload/event.rs preload/exec.rs preload/file_names.rs preload/files.rs preload/give_up.rs preload/identity.rs preload/itimer.rs preload/jemalloc.rs preload/kernel_pipe.rs preload/kill.rs preload/life.rs preload/lock.rs preload/lookup.rs preload/mask.rs preload/option.rs preload/pipe.rs preload/poll.rs preload/probe.rs preload/proc.rs preload/process.rs preload/program.rs preload/random.rs preload/ready.rs preload/shared_lock.rs preload/signal.rs preload/socket.rs preload/spawn.rs preload/start.rs preload/stream.rs preload/sys.rs preload/syscall.rs preload/temporary.rs preload/thread.rs preload/transfer.rs preload/turn.rs preload/unshared.rs preload/work.rs Cargo.toml

/work/main/src/shim/target/debug/deps/libvalkey_fuzzer_shim-84cbbb9724678420.rmeta: /work/main/.clippy.toml preload/lib.rs preload/../page.rs preload/alarm.rs preload/allocator.rs preload/arena.rs preload/baton.rs preload/calls.rs preload/check.rs preload/clock.rs preload/counter.rs preload/descriptor.rs preload/disk.rs preload/entropy.rs preload/epoll.rs preload/event.rs preload/exec.rs preload/file_names.rs preload/files.rs preload/give_up.rs preload/identity.rs preload/itimer.rs preload/jemalloc.rs preload/kernel_pipe.rs preload/kill.rs preload/life.rs preload/lock.rs preload/lookup.rs preload/mask.rs preload/option.rs preload/pipe.rs preload/poll.rs preload/probe.rs preload/proc.rs preload/process.rs preload/program.rs preload/random.rs preload/ready.rs preload/shared_lock.rs preload/signal.rs preload/socket.rs preload/spawn.rs preload/start.rs preload/stream.rs preload/sys.rs preload/syscall.rs preload/temporary.rs preload/thread.rs preload/transfer.rs preload/turn.rs preload/unshared.rs preload/work.rs Cargo.toml

/work/main/.clippy.toml:
preload/lib.rs:
preload/../page.rs:
preload/alarm.rs:
preload/allocator.rs:
preload/arena.rs:
preload/baton.rs:
preload/calls.rs:
preload/check.rs:
preload/clock.rs:
preload/counter.rs:
preload/descriptor.rs:
preload/disk.rs:
preload/entropy.rs:
preload/epoll.rs:
preload/event.rs:
preload/exec.rs:
preload/file_names.rs:
preload/files.rs:
preload/give_up.rs:
preload/identity.rs:
preload/itimer.rs:
preload/jemalloc.rs:
preload/kernel_pipe.rs:
preload/kill.rs:
preload/life.rs:
preload/lock.rs:
preload/lookup.rs:
preload/mask.rs:
preload/option.rs:
preload/pipe.rs:
preload/poll.rs:
preload/probe.rs:
preload/proc.rs:
preload/process.rs:
preload/program.rs:
preload/random.rs:
preload/ready.rs:
preload/shared_lock.rs:
preload/signal.rs:
preload/socket.rs:
preload/spawn.rs:
preload/start.rs:
preload/stream.rs:
preload/sys.rs:
preload/syscall.rs:
preload/temporary.rs:
preload/thread.rs:
preload/transfer.rs:
preload/turn.rs:
preload/unshared.rs:
preload/work.rs:
Cargo.toml:

# env-dep:CLIPPY_ARGS=
# env-dep:CLIPPY_CONF_DIR
