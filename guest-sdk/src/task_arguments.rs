//! The future of a task's result, given to another task in place of the value.
//!
//! Only its handle travels: the host puts the result in once there is one.

use crate::{
    Result,
    arguments::{Argument, RawArgument},
    bindings::tasks,
    task::TaskFuture,
};

impl<T> Argument<T> for TaskFuture<T> {
    fn into_argument(self) -> Result<RawArgument> {
        (&self).into_argument()
    }
}

impl<T> Argument<T> for &TaskFuture<T> {
    fn into_argument(self) -> Result<RawArgument> {
        Ok(RawArgument(tasks::Argument::ResultOf(self.handle()?)))
    }
}

impl<T> Argument<Vec<T>> for Vec<TaskFuture<T>> {
    fn into_argument(self) -> Result<RawArgument> {
        results(&self)
    }
}

impl<T> Argument<Vec<T>> for &Vec<TaskFuture<T>> {
    fn into_argument(self) -> Result<RawArgument> {
        results(self)
    }
}

impl<T> Argument<Vec<T>> for &[TaskFuture<T>] {
    fn into_argument(self) -> Result<RawArgument> {
        results(self)
    }
}

impl<T, const N: usize> Argument<Vec<T>> for [TaskFuture<T>; N] {
    fn into_argument(self) -> Result<RawArgument> {
        results(&self)
    }
}

fn results<'a, T: 'a>(futures: impl IntoIterator<Item = &'a TaskFuture<T>>) -> Result<RawArgument> {
    let handles = futures.into_iter().map(TaskFuture::handle);
    let handles = handles.collect::<Result<_>>()?;
    Ok(RawArgument(tasks::Argument::ResultsOf(handles)))
}
