//! Where the beds are: a directory that goes away, and those that several rounds share.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use model::Grants;

use crate::api_read::Reads;
use crate::api_start::Starts;
use crate::backlog::Backlogs;
use crate::bed::{Bed, Open};
use crate::finished::Histories;
use crate::outside::{Outside, Site};
use crate::process::Process;
use crate::settings::Settings;

/// Nothing listens at the port `discard`, and no measured task calls it.
const GRANTED: &str = "127.0.0.1:9";

pub struct Ground<'a> {
    open: &'a Open,
    here: Option<Bed>,
    granted: Option<Bed>,
    outside: Option<Outside>,
    apart: Option<Apart>,
    unparked: Option<Apart>,
    histories: Option<Histories>,
    backlogs: Option<Backlogs>,
    reads: Option<Reads>,
    starts: Option<Starts>,
    component: Vec<u8>,
    outside_component: PathBuf,
    /// How many finished runs the larger history has.
    finished: usize,
    laid: u32,
    // Last, since what is above has files in it.
    root: Root,
}

/// A bed whose worker is another process.
pub struct Apart {
    pub worker: Process,
    pub bed: Bed,
}

impl<'a> Ground<'a> {
    pub fn new(settings: &Settings, open: &'a Open) -> anyhow::Result<Self> {
        Ok(Self {
            open,
            here: None,
            granted: None,
            outside: None,
            apart: None,
            unparked: None,
            histories: None,
            backlogs: None,
            reads: None,
            starts: None,
            component: std::fs::read(&settings.component)?,
            outside_component: settings.outside.clone(),
            finished: settings.finished,
            laid: 0,
            root: Root::new(&settings.directory)?,
        })
    }

    /// A fresh bed without a worker.
    pub async fn bed(&mut self) -> anyhow::Result<Bed> {
        let dir = self.dir();
        Bed::lay(dir, self.open, &self.component, Grants::default()).await
    }

    /// For one bed more.
    fn dir(&mut self) -> PathBuf {
        self.laid += 1;
        // Short, since there are sockets in it, whose paths may not be long.
        self.root.path().join(self.laid.to_string())
    }

    /// A fresh bed with a worker process of its own, started with these options.
    pub async fn fresh(&mut self, options: &[&str]) -> anyhow::Result<Apart> {
        let bed = self.bed().await?;
        let worker = Process::worker(&bed, options).await?;
        Ok(Apart { worker, bed })
    }

    /// The bed with a worker in this process.
    pub async fn here(&mut self) -> anyhow::Result<&Bed> {
        if self.here.is_none() {
            self.here = Some(self.bed().await?.work_here().await?);
        }
        need(self.here.as_ref())
    }

    /// The same, and its tasks may call a host, which none of them does.
    pub async fn granted(&mut self) -> anyhow::Result<&Bed> {
        if self.granted.is_none() {
            let (dir, grants) = (self.dir(), calling(GRANTED.to_owned()));
            let bed = Bed::lay(dir, self.open, &self.component, grants).await?;
            self.granted = Some(bed.work_here().await?);
        }
        need(self.granted.as_ref())
    }

    /// A worker in this process, and flows whose tasks call the outside, with a server.
    pub async fn outside(&mut self) -> anyhow::Result<&Outside> {
        if self.outside.is_none() {
            let path = &self.outside_component;
            let component = std::fs::read(path).with_context(|| format!("{}", path.display()))?;
            let site = Site::open().await?;
            let (dir, grants) = (self.dir(), calling(site.grant()));
            let bed = Bed::lay(dir, self.open, &component, grants).await?;
            let bed = bed.work_here().await?;
            self.outside = Some(Outside { bed, site });
        }
        need(self.outside.as_ref())
    }

    /// The bed with a usual worker in another process.
    pub async fn apart(&mut self) -> anyhow::Result<&Apart> {
        if self.apart.is_none() {
            self.apart = Some(self.fresh(&[]).await?);
        }
        need(self.apart.as_ref())
    }

    /// The same, and flows that wait leave memory at once.
    pub async fn unparked(&mut self) -> anyhow::Result<&Apart> {
        if self.unparked.is_none() {
            self.unparked = Some(self.fresh(&["--park", "0s"]).await?);
        }
        need(self.unparked.as_ref())
    }

    /// A short history and a long one.
    pub async fn histories(&mut self) -> anyhow::Result<&Histories> {
        if self.histories.is_none() {
            let (few, many) = (self.bed().await?, self.bed().await?);
            self.histories = Some(Histories::fill(few, many, self.finished).await?);
        }
        need(self.histories.as_ref())
    }

    /// A short line and a long one.
    pub async fn backlogs(&mut self) -> anyhow::Result<&Backlogs> {
        if self.backlogs.is_none() {
            let (few, many) = (self.bed().await?, self.bed().await?);
            self.backlogs = Some(Backlogs::fill(few, many, self.finished).await?);
        }
        need(self.backlogs.as_ref())
    }

    /// A server with very many runs.
    pub async fn reads(&mut self) -> anyhow::Result<&mut Reads> {
        if self.reads.is_none() {
            let bed = self.bed().await?;
            self.reads = Some(Reads::fill(bed, self.finished).await?);
        }
        need(self.reads.as_mut())
    }

    /// A server with a worker.
    pub async fn starts(&mut self) -> anyhow::Result<&mut Starts> {
        if self.starts.is_none() {
            let bed = self.bed().await?;
            self.starts = Some(Starts::begin(bed).await?);
        }
        need(self.starts.as_mut())
    }

    pub async fn clear(self) -> anyhow::Result<()> {
        let outside = self.outside.map(|outside| outside.bed);
        for bed in [self.here, self.granted, outside].into_iter().flatten() {
            bed.clear().await?;
        }
        if let Some(histories) = self.histories {
            histories.clear().await?;
        }
        if let Some(backlogs) = self.backlogs {
            backlogs.clear().await?;
        }
        if let Some(reads) = self.reads {
            reads.clear().await?;
        }
        if let Some(starts) = self.starts {
            starts.clear().await?;
        }
        Ok(())
    }
}

fn calling(host: String) -> Grants {
    Grants {
        http: vec![host],
        ..Grants::default()
    }
}

fn need<T>(laid: Option<T>) -> anyhow::Result<T> {
    laid.ok_or_else(|| anyhow::anyhow!("there is no bed"))
}

/// A directory of this process, which goes away with all that is in it.
pub struct Root(PathBuf);

impl Root {
    pub fn new(parent: &Path) -> std::io::Result<Self> {
        let root = parent.join(format!("bench-{}", std::process::id()));
        std::fs::create_dir_all(&root)?;
        Ok(Self(root))
    }

    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Root {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
