// A session's pages: when one is due, what it asks of the store, when there is room for it, and the
// DOWNLOAD that takes it (server-behaviour.md 8.2 to 8.6). What that says of query sets, and the
// pages of bootstraps, are in session_queries.cpp.
#include <utility>

#include "base/assert.hpp"
#include "server/connection.hpp"
#include "server/context.hpp"
#include "server/session.hpp"
#include "wire/format.hpp"

namespace realmsync::server {

using wire::Code;

bool Session::lacks_history() const {
    return (subscriptions_ ? attached().settled : attached().head) > served();
}

bool Session::needs_download() const {
    return !first_download_sent_ || owes_progress_ || lacks_history() ||
           (subscriptions_ && subscriptions_->bootstrap());
}

bool Session::needs_page() const {
    return !page_ && !page_in_flight_ && !waits_for_page_slot_ && !awaits_bootstrap_turn_ &&
           (state_ == SessionState::running ? needs_download() : owes_acknowledgement()) &&
           (!subscriptions_ || acknowledges_only_ || subscriptions_->needs_page());
}

wire::Outgoing Session::take_download() {
    auto page = std::move(page_);
    connection_.release_page_slot();
    first_download_sent_ = true;
    REALMSYNC_ASSERT(page->progress.download.server_version >= download_.server_version &&
                     page->progress.latest.version >= latest_.version);
    wire::Download download;
    download.session = ident_;
    download.progress = page->progress;
    download.downloadable_bytes = static_cast<std::int64_t>(page->downloadable_bytes);
    download.body = page->body.view();
    download.body.bytes = {};
    if (subscriptions_)
        describe(*page, download);
    latest_ = page->progress.latest;
    if (download.batch_state != wire::BatchState::more_to_come) { // else nothing of it counts yet
        download_ = page->progress.download;
        told_ = download_.server_version;
        owes_progress_ = false;
        if (subscriptions_)
            subscriptions_->own().forget_up_to(download_.server_version);
        if (page_acknowledges_)
            set_unacknowledged(false);
    }
    note_memory();
    ++context_.stats.downloads_sent;
    if (!page->rejected.empty())
        refuse_ingested(*page);
    return {wire::format(download, subscriptions_ ? wire::Mode::flexible : wire::Mode::partition,
                         connection_.version()),
            std::move(page->body.bytes)};
}

void Session::request_page() {
    download_.server_version = served();
    if (subscriptions_ && subscriptions_->is_bootstrap_due(download_.server_version) &&
        !take_bootstrap_turn())
        return;
    if (!connection_.take_page_slot(*this)) {
        waits_for_page_slot_ = true;
        return;
    }
    page_in_flight_ = true;
    page_acknowledges_ = true;
    PageRequest request = page_request();
    page_of_ = request.bootstrap;
    context_.submit(FetchPage{ref(), handle_, std::move(request)}, connection_);
}

PageRequest Session::page_request() const {
    const bool shared =
        connection_.has_waiting_siblings() || context_.bootstrap_turns.has_waiting();
    PageRequest request;
    request.partition = partition_id_;
    request.file_ident = file_.ident;
    request.cursor = download_;
    request.least_latest = latest_.version;
    request.byte_limit = shared ? context_.tuning.shared_page_bytes : context_.tuning.page_bytes;
    request.acknowledges_only = acknowledges_only_;
    if (subscriptions_ && !acknowledges_only_) {
        constexpr std::uint64_t kPages = 4; // rather one large message than a bootstrap
        request.whole_limit = may_begin_early() ? kPages * context_.tuning.page_bytes
                                                : context_.tuning.inflated_bytes;
        subscriptions_->fill(request);
        request.known = known_versions();
    }
    return request;
}

// Takes the room at once: a session that ended before its turn came would keep it from the others.
bool Session::on_page_slot() {
    waits_for_page_slot_ = false;
    if (subscriptions_ && subscriptions_->may_conclude()) {
        conclude_if_ready();
        return true;
    }
    if (!needs_page()) {
        enlist_if_ready();
        return false;
    }
    request_page();
    return true;
}

void Session::on_page(Page page) {
    page_in_flight_ = false;
    const bool wanted = state_ == SessionState::running ||
                        (state_ == SessionState::send_error && acknowledgement_due_);
    if (!wanted) {
        connection_.release_page_slot();
        return enlist_if_ready();
    }
    if (page_of_)
        return on_bootstrap_page(std::move(page));
    if (subscriptions_ && !subscriptions_->may_show(page)) {
        connection_.release_page_slot(); // a query set came between: it is read again, and less
        return enlist_if_ready();
    }
    if (!page.refusal.empty()) {
        connection_.release_page_slot();
        if (is_ending())
            acknowledge_only();
        else
            fail(Code::bad_query, page.refusal);
        return enlist_if_ready();
    }
    if (page.is_too_large) {
        connection_.release_page_slot();
        return begin_early();
    }
    if (first_download_sent_ && state_ == SessionState::running && lacks_history() &&
        page.progress.download.server_version <= download_.server_version) {
        connection_.release_page_slot();
        return fail(Code::other_session_error, "The history could not be read");
    }
    page_ = std::make_unique<Page>(std::move(page));
    note_memory();
    enlist_if_ready();
}

void Session::on_no_page() {
    page_in_flight_ = false;
    if (acknowledgement_due_) // its client is to come again for it
        return connection_.fail_without_storage();
    try_later("The server could not do this", Code::other_session_error);
}

void Session::give_up_page() {
    if (subscriptions_ && subscriptions_->bytes() != 0) // what it has found would be lost with it
        return try_later("Too much is waiting to be downloaded", Code::other_session_error);
    drop_page();
    enlist_if_ready();
}

void Session::drop_page() {
    if (page_) {
        page_.reset();
        page_of_.reset();
        note_memory();
        connection_.release_page_slot();
    }
}

} // namespace realmsync::server
