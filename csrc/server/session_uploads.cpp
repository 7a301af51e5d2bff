// A session's uploads on their way to the writer: held while its file's claim is unsettled, checked
// against what came before, and, where they only report progress, put off (server-behaviour.md
// sections 7 and 19.6).
#include <algorithm>
#include <utility>

#include "base/assert.hpp"
#include "server/connection.hpp"
#include "server/context.hpp"
#include "server/session.hpp"

namespace realmsync::server {

using wire::Code;

namespace {

// What an upload costs in the queue besides its bytes.
constexpr std::uint64_t kUploadOverhead = 256;

// Inflated, as it is going to be.
std::uint64_t cost_of(const wire::Upload& message) {
    const wire::Body& body = message.body;
    return std::max<std::uint64_t>(body.bytes.size(),
                                   body.compressed ? body.uncompressed_size : 0) +
           kUploadOverhead;
}

} // namespace

bool Session::is_fenced() const {
    if (state_ == SessionState::binding)
        return true;
    auto claim = attached().files.find(file_.ident);
    return claim != attached().files.end() && claim->second.binds_in_flight != 0;
}

void Session::on_upload(const wire::Upload& message) {
    if (!is_legal("UPLOAD", true) || context_.draining)
        return;
    const std::uint64_t size =
        message.body.compressed ? message.body.uncompressed_size : message.body.bytes.size();
    if (size > context_.tuning.inflated_bytes)
        return fail(kTooLarge, too_large(message, size, context_.tuning.inflated_bytes));
    // The one copy of the body: the received message is gone when the writer gets to it.
    auto bytes = std::make_shared<const std::string>(message.body.bytes);
    context_.charge(connection_, cost_of(message));
    if (connection_.has_failed())
        return;
    wire::Upload owned = message;
    owned.body.bytes = *bytes;
    if (is_fenced() || held_)
        return hold(HeldUpload{owned, std::move(bytes)});
    process_upload(owned, std::move(bytes));
}

void Session::hold(Held held) {
    if (!held_)
        held_ = std::make_unique<std::deque<Held>>();
    held_->push_back(std::move(held));
}

void Session::process_upload(const wire::Upload& message,
                             std::shared_ptr<const std::string> bytes) {
    const std::uint64_t cost = cost_of(message);
    if (auto fault = gate_.check(message, download_.server_version)) {
        discharge(cost);
        return fail(fault->code, fault->message);
    }
    UploadTask task = gate_.accept(message);
    if (!task.is_news && bytes->empty())
        return discharge(cost);
    if (!stream_)
        stream_ = std::make_shared<UploadStream>();
    task.stream = stream_;
    task.may_write = permission_ == Permission::write;
    if (subscriptions_)
        task.roles = roles_;
    task.migrated_from = migrated_from_;
    if (bytes->empty()) {
        discharge(cost);
        return put_off(std::move(task));
    }
    if (task.is_news)
        progress_.reset(); // this one makes more
    task.bytes = std::move(bytes);
    submit(std::move(task), cost);
}

// Lets go of what was charged for an upload.
void Session::discharge(std::uint64_t cost) { context_.discharge(connection_.owner().flow, cost); }

void Session::submit(UploadTask task, std::uint64_t cost) {
    ++uploads_in_flight_;
    context_.submit(Append{ref(), handle_, partition_id_, file_.ident, cost, std::move(task)},
                    connection_);
}

// Nobody is told what progress alone changes, so that losing it is harmless (19.6.5), and a client
// that reads reports progress for each page.
void Session::put_off(UploadTask progress) {
    progress_ = std::make_unique<UploadTask>(std::move(progress));
    if (!std::exchange(awaits_progress_due_, true))
        context_.progress_due.emplace_back(context_.now + context_.tuning.progress_ms, ref());
}

void Session::on_progress_due() {
    awaits_progress_due_ = false;
    submit_progress();
}

// Not while somebody else may get the file: his threshold would not count it.
void Session::submit_progress() {
    const auto progress = std::exchange(progress_, nullptr);
    if (!progress || !partition_)
        return;
    const auto claim = attached().files.find(file_.ident);
    if (claim != attached().files.end() && claim->second.holder == this && !is_fenced())
        submit(std::move(*progress), 0);
}

void Session::release_uploads() {
    if (!held_ || is_ending() || is_fenced())
        return;
    const auto held = std::move(held_);
    for (Held& one : *held) {
        const bool is_over = !partition_ || connection_.has_failed();
        if (auto* upload = std::get_if<HeldUpload>(&one)) {
            if (is_over)
                discharge(cost_of(upload->message));
            else
                process_upload(upload->message, std::move(upload->bytes));
        } else {
            auto& request = std::get<Subscribing>(one);
            is_over ? discharge(query_cost(request)) : process_query(std::move(request));
        }
    }
}

void Session::drop_held() {
    const auto held = std::move(held_);
    if (!held)
        return;
    for (const Held& one : *held) {
        const auto* upload = std::get_if<HeldUpload>(&one);
        discharge(upload ? cost_of(upload->message) : query_cost(std::get<Subscribing>(one)));
    }
}

void Session::on_upload_done(const UploadDone& done) {
    REALMSYNC_ASSERT(uploads_in_flight_ > 0);
    if (done.is_last)
        --uploads_in_flight_;
    if (const auto* fault = std::get_if<Refusal>(&done.result)) {
        const auto* info = wire::find_code(static_cast<std::int32_t>(fault->code));
        if (info && info->level == wire::Level::connection)
            return connection_.fail(fault->code, fault->message);
        refuse(*fault);
    } else if (done.changesets != 0) {
        set_unacknowledged(true);
        page_acknowledges_ = false;
    }
    enlist_if_ready();
}

} // namespace realmsync::server
