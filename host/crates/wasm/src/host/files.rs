//! `wasi:filesystem` for the directories that a task was granted.
//!
//! What changes something that others can see passes the gate first. What fails is kept with its
//! path, which an error code has no room for.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use rustix::io::Errno;
use wasmtime::StoreContextMut;
use wasmtime::component::{Linker, Resource};
use wasmtime_wasi::WasiView;
use wasmtime_wasi::filesystem::{
    Descriptor, Dir, FsPerms, OpenMode, WasiFilesystemCtxView, WasiFilesystemView,
};
use wasmtime_wasi::p2::bindings::filesystem::types::{
    DescriptorFlags, DescriptorType, ErrorCode, HostDescriptor, NewTimestamp, OpenFlags, PathFlags,
};
use wasmtime_wasi::p2::{
    DynOutputStream, FsResult, OutputStream, Pollable, StreamError, StreamResult,
};

use super::sockets::are_descriptors_scarce;
use crate::files::{ENTRY, Files, Kind, Known, Opened};
use crate::guest::Guest;
use crate::halt::Halt;
use crate::limits::ENTRIES_MAX;

/// The versions under which `wasmtime-wasi` links them.
const PREOPENS: &str = "wasi:filesystem/preopens@0.2.12";
const TYPES: &str = "wasi:filesystem/types@0.2.12";

type Fd = Resource<Descriptor>;

pub(super) fn shadow_filesystem(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    let mut preopens = linker.instance(PREOPENS)?;
    preopens.func_wrap_async(
        "get-directories",
        |mut store: StoreContextMut<'_, Guest>, (): ()| {
            Box::new(async move { Ok((directories(store.data_mut()).await?,)) })
        },
    )?;
    let mut types = linker.instance(TYPES)?;
    types.func_wrap_async(
        "[method]descriptor.open-at",
        |mut store: StoreContextMut<'_, Guest>,
         (fd, follow, path, open, flags): (Fd, PathFlags, String, OpenFlags, DescriptorFlags)| {
            Box::new(async move {
                let guest = store.data_mut();
                let at = guest.files().at(fd.rep(), &path);
                let writes = OpenFlags::CREATE | OpenFlags::TRUNCATE;
                let changes = open.intersects(writes)
                    || flags.intersects(DescriptorFlags::WRITE | DescriptorFlags::MUTATE_DIRECTORY);
                // Some open directories so that they could change them, and do not.
                let is_dir = open.contains(OpenFlags::DIRECTORY);
                let allowed = if are_descriptors_scarce() {
                    Err(ErrorCode::InsufficientMemory)
                } else if open.contains(OpenFlags::CREATE) && !guest.files().has_room(&at, ENTRY) {
                    return Ok((Err(ErrorCode::InsufficientSpace),));
                } else {
                    before_change(guest, &at, changes && !is_dir).await
                };
                let opened = match allowed {
                    Err(code) => Err(code.into()),
                    Ok(()) if is_device(guest, &fd, follow, &path).await => {
                        Err(ErrorCode::Unsupported.into())
                    }
                    Ok(()) => {
                        guest
                            .filesystem()
                            .open_at(fd, follow, path, open, flags)
                            .await
                    }
                };
                if let Ok(opened) = &opened {
                    guest.files().know(opened.rep(), at.clone());
                    guest.files().succeeded();
                }
                done(guest, "opening", &at, opened)
            })
        },
    )?;
    types.func_wrap_async(
        "[method]descriptor.stat-at",
        |mut store: StoreContextMut<'_, Guest>, (fd, follow, path): (Fd, PathFlags, String)| {
            Box::new(async move {
                let guest = store.data_mut();
                let at = guest.files().at(fd.rep(), &path);
                let stat = guest.filesystem().stat_at(fd, follow, path).await;
                done(guest, "looking at", &at, stat)
            })
        },
    )?;
    types.func_wrap_async(
        "[method]descriptor.readlink-at",
        |mut store: StoreContextMut<'_, Guest>, (fd, path): (Fd, String)| {
            Box::new(async move {
                let guest = store.data_mut();
                let at = guest.files().at(fd.rep(), &path);
                let link = guest.filesystem().readlink_at(fd, path).await;
                done(guest, "looking at", &at, link)
            })
        },
    )?;
    types.func_wrap_async(
        "[method]descriptor.create-directory-at",
        |mut store: StoreContextMut<'_, Guest>, (fd, path): (Fd, String)| {
            Box::new(async move {
                let guest = store.data_mut();
                let at = guest.files().at(fd.rep(), &path);
                adding(guest, "making", &at, async |fs| {
                    fs.create_directory_at(fd, path).await
                })
                .await
            })
        },
    )?;
    types.func_wrap_async(
        "[method]descriptor.remove-directory-at",
        |mut store: StoreContextMut<'_, Guest>, (fd, path): (Fd, String)| {
            Box::new(async move {
                let guest = store.data_mut();
                let at = guest.files().at(fd.rep(), &path);
                changing(guest, "removing", &at, async |fs| {
                    fs.remove_directory_at(fd, path).await
                })
                .await
            })
        },
    )?;
    types.func_wrap_async(
        "[method]descriptor.unlink-file-at",
        |mut store: StoreContextMut<'_, Guest>, (fd, path): (Fd, String)| {
            Box::new(async move {
                let guest = store.data_mut();
                let at = guest.files().at(fd.rep(), &path);
                changing(guest, "removing", &at, async |fs| {
                    fs.unlink_file_at(fd, path).await
                })
                .await
            })
        },
    )?;
    types.func_wrap_async(
        "[method]descriptor.symlink-at",
        |mut store: StoreContextMut<'_, Guest>, (fd, to, path): (Fd, String, String)| {
            Box::new(async move {
                let guest = store.data_mut();
                let at = guest.files().at(fd.rep(), &path);
                adding(guest, "linking", &at, async |fs| {
                    fs.symlink_at(fd, to, path).await
                })
                .await
            })
        },
    )?;
    types.func_wrap_async(
        "[method]descriptor.link-at",
        |mut store: StoreContextMut<'_, Guest>,
         (fd, follow, path, to, new): (Fd, PathFlags, String, Fd, String)| {
            Box::new(async move {
                let guest = store.data_mut();
                let from = guest.files().at(fd.rep(), &path);
                let at = guest.files().at(to.rep(), &new);
                // What it stands for is changed by both names.
                if let Err(code) = before_change(guest, &from, true).await {
                    return done(guest, "linking", &from, Err(code.into()));
                }
                adding(guest, "linking", &at, async |fs| {
                    fs.link_at(fd, follow, path, to, new).await
                })
                .await
            })
        },
    )?;
    types.func_wrap_async(
        "[method]descriptor.rename-at",
        |mut store: StoreContextMut<'_, Guest>, (fd, path, to, new): (Fd, String, Fd, String)| {
            Box::new(async move {
                let guest = store.data_mut();
                let from = guest.files().at(fd.rep(), &path);
                let at = guest.files().at(to.rep(), &new);
                if let Err(code) = before_change(guest, &from, true).await {
                    return done(guest, "renaming", &from, Err(code.into()));
                }
                changing(guest, "renaming", &at, async |fs| {
                    fs.rename_at(fd, path, to, new).await
                })
                .await
            })
        },
    )?;
    types.func_wrap_async(
        "[method]descriptor.write-via-stream",
        |mut store: StoreContextMut<'_, Guest>, (fd, offset): (Fd, u64)| {
            Box::new(async move {
                let guest = store.data_mut();
                let at = guest.files().at(fd.rep(), "");
                let stream = guest.filesystem().write_via_stream(fd, offset);
                let stream = bounded(guest, &at, stream)?;
                done(guest, "writing", &at, stream)
            })
        },
    )?;
    types.func_wrap_async(
        "[method]descriptor.append-via-stream",
        |mut store: StoreContextMut<'_, Guest>, (fd,): (Fd,)| {
            Box::new(async move {
                let guest = store.data_mut();
                let at = guest.files().at(fd.rep(), "");
                let stream = guest.filesystem().append_via_stream(fd);
                let stream = bounded(guest, &at, stream)?;
                done(guest, "writing", &at, stream)
            })
        },
    )?;
    types.func_wrap_async(
        "[method]descriptor.write",
        |mut store: StoreContextMut<'_, Guest>, (fd, some, offset): (Fd, Vec<u8>, u64)| {
            Box::new(async move {
                let guest = store.data_mut();
                let at = guest.files().at(fd.rep(), "");
                if !guest.files().has_room(&at, some.len() as u64) {
                    return Ok((Err(ErrorCode::InsufficientSpace),));
                }
                let written = guest.filesystem().write(fd, some, offset).await;
                done(guest, "writing", &at, written)
            })
        },
    )?;
    types.func_wrap_async(
        "[method]descriptor.read-directory",
        |mut store: StoreContextMut<'_, Guest>, (fd,): (Fd,)| {
            Box::new(async move {
                let guest = store.data_mut();
                let at = guest.files().at(fd.rep(), "");
                if has_many_entries(guest, &fd).await? {
                    let what = format!("listing more than {ENTRIES_MAX} entries of");
                    return done(guest, &what, &at, Err(ErrorCode::Overflow.into()));
                }
                let listed = guest.filesystem().read_directory(fd).await;
                done(guest, "listing", &at, listed)
            })
        },
    )?;
    types.func_wrap_async(
        "[method]descriptor.set-times",
        |mut store: StoreContextMut<'_, Guest>,
         (fd, accessed, modified): (Fd, NewTimestamp, NewTimestamp)| {
            Box::new(async move {
                let guest = store.data_mut();
                let at = guest.files().at(fd.rep(), "");
                changing(guest, "changing", &at, async |fs| {
                    fs.set_times(fd, accessed, modified).await
                })
                .await
            })
        },
    )?;
    types.func_wrap_async(
        "[method]descriptor.set-times-at",
        |mut store: StoreContextMut<'_, Guest>,
         (fd, follow, path, accessed, modified): (
            Fd,
            PathFlags,
            String,
            NewTimestamp,
            NewTimestamp,
        )| {
            Box::new(async move {
                let guest = store.data_mut();
                let at = guest.files().at(fd.rep(), &path);
                changing(guest, "changing", &at, async |fs| {
                    fs.set_times_at(fd, follow, path, accessed, modified).await
                })
                .await
            })
        },
    )
}

/// Whether something is neither a file nor a directory: to open a pipe waits for whoever writes to
/// it, and that would hold a thread.
async fn is_device(guest: &mut Guest, fd: &Fd, follow: PathFlags, path: &str) -> bool {
    let again = Resource::new_borrow(fd.rep());
    let mut filesystem = guest.filesystem();
    let stat = filesystem.stat_at(again, follow, path.to_owned()).await;
    stat.is_ok_and(|stat| {
        !matches!(
            stat.type_,
            DescriptorType::RegularFile | DescriptorType::Directory | DescriptorType::SymbolicLink
        )
    })
}

/// Opens what was granted, on a thread where nobody waits: a directory may be one of a network.
async fn directories(guest: &mut Guest) -> wasmtime::Result<Vec<(Fd, String)>> {
    let files = guest.files();
    if !files.are_granted() {
        return Ok(Vec::new());
    }
    if are_descriptors_scarce() {
        let why = "no descriptors are free for its directories";
        return Err(Halt::NotThere(why.to_owned()).into());
    }
    let opening = std::sync::Arc::clone(&files);
    let opened = tokio::task::spawn_blocking(move || opening.open()).await?;
    let mut all = Vec::new();
    for Opened { dir, known } in opened.map_err(Halt::NotThere)? {
        let (perms, mode) = match known.kind {
            Kind::ReadOnly => (FsPerms::ReadOnly, OpenMode::READ),
            Kind::Shared | Kind::Own => (FsPerms::ReadWrite, OpenMode::READ | OpenMode::WRITE),
        };
        let dir = Descriptor::Dir(Dir::new(dir, perms, mode, false));
        let dir = guest.ctx().table.push(dir)?;
        files.know(dir.rep(), known.clone());
        all.push((dir, known.path));
    }
    Ok(all)
}

/// Waits until others may see a change. Errs if it may not be made.
async fn before_change(guest: &mut Guest, at: &Known, changes: bool) -> Result<(), ErrorCode> {
    match at.kind {
        _ if !changes => Ok(()),
        Kind::Own => Ok(()),
        Kind::Shared => {
            guest.network().gate.pass().await;
            Ok(())
        }
        Kind::ReadOnly => {
            guest.files().refuse_change(&at.path);
            Err(ErrorCode::ReadOnly)
        }
    }
}

/// Changes something, once others may see it.
async fn changing<T>(
    guest: &mut Guest,
    what: &str,
    at: &Known,
    change: impl AsyncFnOnce(&mut WasiFilesystemCtxView<'_>) -> FsResult<T>,
) -> wasmtime::Result<(Result<T, ErrorCode>,)> {
    let changed = match before_change(guest, at, true).await {
        Ok(()) => change(&mut guest.filesystem()).await,
        Err(code) => Err(code.into()),
    };
    done(guest, what, at, changed)
}

/// Adds something, which may need room.
async fn adding<T>(
    guest: &mut Guest,
    what: &str,
    at: &Known,
    add: impl AsyncFnOnce(&mut WasiFilesystemCtxView<'_>) -> FsResult<T>,
) -> wasmtime::Result<(Result<T, ErrorCode>,)> {
    if !guest.files().has_room(at, ENTRY) {
        return Ok((Err(ErrorCode::InsufficientSpace),));
    }
    changing(guest, what, at, add).await
}

/// Whether a directory has more entries than a task may list. It is looked at on a thread where
/// nobody waits.
async fn has_many_entries(guest: &mut Guest, fd: &Fd) -> wasmtime::Result<bool> {
    let Descriptor::Dir(dir) = guest.table().get(fd)? else {
        return Ok(false);
    };
    let dir = Arc::clone(&dir.dir);
    let count = move || {
        let entries = rustix::fs::Dir::read_from(&*dir)?;
        // Besides `.` and `..`.
        Ok::<_, io::Error>(entries.take(ENTRIES_MAX + 3).count() > ENTRIES_MAX + 2)
    };
    // What cannot be read fails once more when it is listed.
    Ok(tokio::task::spawn_blocking(count).await?.unwrap_or(false))
}

/// A stream into a file of `/tmp` ends where there is no room left.
fn bounded(
    guest: &mut Guest,
    at: &Known,
    stream: FsResult<Resource<DynOutputStream>>,
) -> wasmtime::Result<FsResult<Resource<DynOutputStream>>> {
    let stream = match stream {
        Ok(stream) if at.kind == Kind::Own => stream,
        other => return Ok(other),
    };
    let bounded = Bounded {
        stream: guest.table().delete(stream)?,
        files: guest.files(),
        at: at.clone(),
    };
    let bounded: DynOutputStream = Box::new(bounded);
    Ok(Ok(guest.table().push(bounded)?))
}

struct Bounded {
    stream: DynOutputStream,
    files: Arc<Files>,
    at: Known,
}

#[wasmtime_wasi::async_trait]
impl Pollable for Bounded {
    async fn ready(&mut self) {
        self.stream.ready().await;
    }
}

#[wasmtime_wasi::async_trait]
impl OutputStream for Bounded {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        if self.files.has_room(&self.at, bytes.len() as u64) {
            return self.stream.write(bytes);
        }
        let full = io::Error::from(Errno::NOSPC);
        Err(StreamError::LastOperationFailed(full.into()))
    }

    fn flush(&mut self) -> StreamResult<()> {
        self.stream.flush()
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        self.stream.check_write()
    }
}

/// Keeps what failed, and hands its code to the guest.
fn done<T>(
    guest: &mut Guest,
    what: &str,
    at: &Known,
    result: FsResult<T>,
) -> wasmtime::Result<(Result<T, ErrorCode>,)> {
    match result {
        Ok(done) => Ok((Ok(done),)),
        Err(err) => {
            let code = err.downcast()?;
            guest.files().failed(what, &at.path);
            Ok((Err(code),))
        }
    }
}
