//! Every container runtime keeps one contract.

mod contract;
mod docker_stage;
mod docker_terms;

use std::sync::Arc;

use kabuki::runtime::containers::ContainerRuntime;
use kabuki::runtime::containers::simulated::{Profile, Simulated};
use kabuki::runtime::entropy::Entropy;

use contract::Stage;

const BAD_IMAGE: &str = "kabuki-test/absent:1";

/// Each check of the contract is a test of each runtime: `simulated::…`, `docker::…`.
macro_rules! contract {
    ($($check:ident),+ $(,)?) => {
        mod simulated {
            $(#[test] fn $check() { super::on_simulated(super::contract::$check) })+
        }
        mod docker {
            $(#[test] fn $check() { super::docker_stage::on_docker(super::contract::$check) })+
        }
    };
}

contract!(
    a_sandbox_is_ready_with_an_address_until_it_is_stopped,
    a_sandbox_on_the_hosts_network_has_no_address_of_its_own,
    what_ends_things_is_idempotent_and_the_rest_says_what_is_not_there,
    a_container_is_what_its_spec_says_and_reports_how_it_ended,
    two_containers_of_one_name_and_attempt_cannot_be,
    a_container_that_does_not_listen_is_killed_after_its_grace,
    a_container_that_listens_ends_by_itself_when_asked,
    what_cannot_be_started_says_why,
    a_command_in_a_container_gives_its_output_and_code,
    the_end_of_standard_input_leaves_the_rest_of_a_command_open,
    a_command_with_a_terminal_gives_one_stream_and_its_code,
    an_attached_client_speaks_with_the_containers_own_process,
    a_followed_log_ends_with_its_container_and_the_tail_is_the_end,
    changes_are_told_in_order_after_the_call_to_list,
    a_sandbox_takes_its_containers_with_it,
    a_port_of_the_sandbox_can_be_reached,
    images_are_found_by_name_and_id_and_a_failed_pull_says_why,
    what_runs_has_statistics,
);

fn on_simulated<F: Future<Output = ()>>(check: impl FnOnce(Stage) -> F) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let bad_images = [(BAD_IMAGE.to_owned(), "not found".to_owned())].into();
        let profile = Profile { bad_images, ..Default::default() };
        let simulated = Simulated::new(profile, "10.244.0.0/24".parse().unwrap(), Entropy::from_seed(1));
        simulated.pull_image("kabuki-test/busybox:1", None, None).await.unwrap();
        check(Stage::set(Arc::new(simulated), "kabuki-test/busybox:1", BAD_IMAGE).await).await;
    });
}
