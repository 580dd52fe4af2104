use bollard::auth::DockerCredentials;
use bollard::body_full;
use bollard::models::CreateImageInfo;
use bollard::query_parameters::{CreateImageOptions, ListContainersOptions, ListImagesOptions, RemoveImageOptions};
use bytes::Bytes;
use futures::stream::TryStreamExt;
use tokio::sync::mpsc;

use super::engine::Engine;
use super::errors::from_bollard;
use super::reading;
use crate::runtime::containers::image::canonical;
use crate::runtime::containers::{Error, Image, PullProgress, RegistryAuth, Result};

pub(super) async fn image(engine: &Engine, reference: &str) -> Result<Image> {
    match engine.client.inspect_image(reference).await.map_err(from_bollard) {
        Ok(inspected) => Ok(reading::image(inspected)),
        // What is no reference names no image.
        Err(error @ Error::Unavailable(_)) => Err(error),
        Err(_) => Err(Error::ImageNotFound(reference.to_owned())),
    }
}

pub(super) async fn list(engine: &Engine) -> Result<Vec<Image>> {
    let listed = engine.client.list_images(None::<ListImagesOptions>).await.map_err(from_bollard)?;
    Ok(listed.into_iter().map(reading::listed_image).collect())
}

/// See [`super::super::ContainerRuntime::pull_image`].
pub(super) async fn pull(
    engine: &Engine,
    reference: &str,
    auth: Option<&RegistryAuth>,
    progress: Option<mpsc::Sender<PullProgress>>,
) -> Result<Image> {
    // Without a tag the engine would pull all there are.
    let options = CreateImageOptions { from_image: Some(canonical(reference)?), ..Default::default() };
    let credentials = auth.map(|auth| DockerCredentials {
        username: Some(auth.username.clone()),
        password: Some(auth.password.clone()),
        identitytoken: auth.identity_token.clone(),
        serveraddress: auth.server.clone(),
        ..Default::default()
    });
    let failed = |error| match from_bollard(error) {
        error @ (Error::InvalidImageName(_) | Error::Unavailable(_)) => error,
        error => Error::PullFailed { image: reference.to_owned(), reason: error.to_string() },
    };
    let mut steps = engine.client.create_image(Some(options), None, credentials);
    while let Some(step) = steps.try_next().await.map_err(failed)? {
        if let Some(progress) = &progress {
            // A reader that is slow or gone misses this step.
            let _ = progress.try_send(read(step));
        }
    }
    image(engine, reference).await
}

fn read(step: CreateImageInfo) -> PullProgress {
    let detail = step.progress_detail.unwrap_or_default();
    PullProgress {
        phase: step.status.unwrap_or_default(),
        layer: step.id,
        done_bytes: detail.current.unwrap_or(0).max(0) as u64,
        total_bytes: detail.total.filter(|total| *total > 0).map(|total| total as u64),
    }
}

/// See [`super::super::ContainerRuntime::remove_image`].
pub(super) async fn remove(engine: &Engine, reference: &str) -> Result<()> {
    let image = match image(engine, reference).await {
        Err(Error::ImageNotFound(_)) => return Ok(()),
        image => image?,
    };
    // Taking one of several names away would not fail, and not free anything.
    let filters = [("ancestor".to_owned(), vec![image.id.clone()])].into();
    let options = ListContainersOptions { all: true, filters: Some(filters), ..Default::default() };
    if !engine.client.list_containers(Some(options)).await.map_err(from_bollard)?.is_empty() {
        return Err(Error::Conflict(format!("image {reference} is in use")));
    }
    let names = if image.tags.is_empty() { vec![image.id] } else { image.tags };
    for name in names {
        match engine.client.remove_image(&name, None::<RemoveImageOptions>, None).await.map_err(from_bollard) {
            Err(error) if error.is_not_found() => {}
            removed => drop(removed?),
        }
    }
    Ok(())
}

/// Makes an image of a root file system (a tar archive), without any registry.
pub(super) async fn import(engine: &Engine, reference: &str, root: Bytes) -> Result<()> {
    let (repository, tag) = reference.rsplit_once(':').unwrap_or((reference, "latest"));
    let options = CreateImageOptions {
        from_src: Some("-".to_owned()),
        repo: Some(repository.to_owned()),
        tag: Some(tag.to_owned()),
        ..Default::default()
    };
    let steps = engine.client.create_image(Some(options), Some(body_full(root)), None);
    steps.try_collect::<Vec<_>>().await.map_err(from_bollard).map(drop)
}
