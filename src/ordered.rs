//! Work on all cores whose results come in order, in bounded memory.
//!
//! ```text
//! produce ─> windows ─> make, each on a core ─> take, in the order of the windows
//! ```

use std::{sync::mpsc, thread};

/// Number of windows per thread that are made, or wait to be taken, at once.
const IN_FLIGHT: usize = 4;

/// Size of a window, in the unit of its caller: bytes of stored keys and values.
pub const WINDOW: usize = 128 << 10;

/// Size added for every item, so that a window of small or empty ones is bounded too.
const ITEM: usize = 64;

/// Calls `make` for every window that `produce` sends, and gives the results to `take` in the same order.
///
/// `produce` runs on a thread of its own and blocks while too many windows are in flight, so memory is bounded by the
/// windows' size, not by their number. The function that `produce` receives returns whether more is wanted.
///
/// Within a rayon task one window is made after the other: the thread that waited might be the only one there is.
///
/// # Errors
/// The first error of `take`; `produce` then learns that no more is wanted.
pub fn ordered<W: Send, T: Send, E>(
    produce: impl FnOnce(&mut dyn FnMut(W) -> bool) + Send,
    make: impl Fn(W) -> T + Sync,
    mut take: impl FnMut(T) -> Result<(), E>,
) -> Result<(), E> {
    if rayon::current_thread_index().is_some() {
        let mut taken = Ok(());
        produce(&mut |window| {
            if taken.is_ok() {
                taken = take(make(window));
            }
            taken.is_ok()
        });
        return taken;
    }
    let in_flight = rayon::current_num_threads().saturating_mul(IN_FLIGHT);
    let (queue, made) = mpsc::sync_channel::<mpsc::Receiver<T>>(in_flight);
    let make = &make;
    rayon::in_place_scope(|pool| {
        thread::scope(|threads| {
            threads.spawn(move || {
                produce(&mut |window| {
                    let (done, result) = mpsc::sync_channel(1);
                    let wanted = queue.send(result).is_ok();
                    if wanted {
                        pool.spawn(move |_| {
                            // Nobody waits for it once `take` has failed.
                            let _ = done.send(make(window));
                        });
                    }
                    wanted
                });
            });
            // A panic in `make` leaves its result unsent; the scope propagates the panic.
            made.into_iter().map_while(|result| result.recv().ok()).try_for_each(&mut take)
        })
    })
}

/// Calls [`ordered`] for the items of an iterator, in windows of about [`WINDOW`] by the `size` of each item.
///
/// # Errors
/// As [`ordered`].
pub fn ordered_items<I: Send, T: Send, E>(
    items: impl Iterator<Item = I> + Send,
    size: impl Fn(&I) -> usize + Send,
    make: impl Fn(Vec<I>) -> T + Sync,
    take: impl FnMut(T) -> Result<(), E>,
) -> Result<(), E> {
    let produce = move |give: &mut dyn FnMut(Vec<I>) -> bool| {
        let (mut window, mut bytes) = (Vec::new(), 0_usize);
        for item in items {
            bytes = bytes.saturating_add(size(&item)).saturating_add(ITEM);
            window.push(item);
            if bytes >= WINDOW {
                bytes = 0;
                if !give(std::mem::take(&mut window)) {
                    return;
                }
            }
        }
        if !window.is_empty() {
            give(window);
        }
    };
    ordered(produce, make, take)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

    use super::*;

    #[test]
    fn results_come_in_order() {
        let mut seen = Vec::new();
        let done = ordered_items(
            0..20_000_usize,
            |_| WINDOW / 7,
            |window| window.iter().map(|n| n * 2).collect::<Vec<_>>(),
            |made| {
                seen.extend(made);
                Ok::<_, ()>(())
            },
        );
        assert!(done.is_ok() && seen.len() == 20_000 && seen.iter().enumerate().all(|(n, twice)| n * 2 == *twice));
    }

    #[test]
    fn an_error_ends_the_work_and_little_is_made_ahead() {
        let made = AtomicUsize::new(0);
        let ended = ordered_items(
            0..usize::MAX,
            |_| WINDOW,
            |window| made.fetch_add(window.len(), SeqCst),
            |n| if n >= 50 { Err("enough") } else { Ok(()) },
        );
        assert_eq!(ended, Err("enough"));
        let most = 52 + 2 * IN_FLIGHT * rayon::current_num_threads();
        assert!(made.load(SeqCst) <= most, "{} windows were made for 50", made.load(SeqCst));
    }

    #[test]
    fn empty_items_do_not_come_in_one_window() {
        let mut most = 0;
        let done = ordered_items(
            0..20_000,
            |_| 0,
            |window| window.len(),
            |len| {
                most = most.max(len);
                Ok::<_, ()>(())
            },
        );
        assert!(done.is_ok() && most == WINDOW / ITEM, "{most}");
    }

    #[test]
    fn the_only_thread_of_a_pool_does_not_wait_for_itself() {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
        let mut sum = 0;
        let ended = pool.install(|| {
            ordered_items(
                0..100_u64,
                |_| WINDOW,
                |window| window.iter().sum::<u64>(),
                |made| {
                    sum += made;
                    if made >= 9 { Err("enough") } else { Ok(()) }
                },
            )
        });
        assert_eq!((ended, sum), (Err("enough"), 45));
    }

    #[test]
    fn a_panic_is_handed_on() {
        let panicked = std::panic::catch_unwind(|| {
            let make = |window: Vec<u64>| assert!(window != [3], "three");
            ordered_items(0..10_u64, |_| WINDOW, make, |()| Ok::<_, ()>(()))
        });
        assert!(panicked.is_err());
    }
}
