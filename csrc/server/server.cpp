#include "server/server.hpp"

#include <algorithm>
#include <charconv>
#include <limits>
#include <stdexcept>
#include <utility>

#include "base/assert.hpp"
#include "server/administration_handler.hpp"
#include "server/connection.hpp"
#include "server/context.hpp"

namespace realmsync::server {

using wire::Code;

namespace {

constexpr int kOldestVersion = 9;
constexpr int kNewestVersion = 14;

std::pair<wire::Mode, int> parse_subprotocol(std::string_view text) {
    for (auto [prefix, mode] :
         {std::pair{std::string_view("com.mongodb.realm-sync#"), wire::Mode::partition},
          {"com.mongodb.realm-query-sync#", wire::Mode::flexible}}) {
        if (!text.starts_with(prefix))
            continue;
        int version = 0;
        const char* end = text.data() + text.size();
        const auto [stop, error] = std::from_chars(text.data() + prefix.size(), end, version);
        if (error == std::errc() && stop == end && version >= kOldestVersion &&
            version <= kNewestVersion)
            return {mode, version};
    }
    throw std::invalid_argument("not a subprotocol of this server: " + std::string(text));
}

// What an outcome means for connections and partitions.
struct OutcomeHandler {
    Context& context;

    // Keeps the partition of a finished job until its consequences are drawn.
    struct Scope {
        Context& context;
        Partition& partition;
        bool evict = false;
        bool is_last = true; // of the job
        Scope(Context& c, std::uint64_t handle)
            : context(c), partition(*c.partitions.find(handle)) {}
        ~Scope() {
            if (!is_last)
                return;
            REALMSYNC_ASSERT(partition.jobs_in_flight > 0);
            --partition.jobs_in_flight;
            if (evict)
                context.partitions.evict(partition);
            else
                context.forget_if_idle(partition);
        }
    };

    void operator()(PartitionOpened& opened) {
        Scope scope(context, opened.handle);
        Partition& partition = scope.partition;
        partition.is_opening = false;
        if (const auto* refusal = std::get_if<Refusal>(&opened.result))
            return refuse(partition, opened.user_id, *refusal);
        const auto& found = std::get<OpenedPartition>(opened.result);
        partition.id = found.id;
        partition.head = found.head;
        for (auto& [binding, session] : partition.sessions)
            session->on_partition_open();
    }

    // A user may not create it; others who wait for it may.
    void refuse(Partition& partition, const std::string& user_id, const Refusal& refusal) {
        std::vector<Session*> his;
        Session* other = nullptr;
        for (auto& [binding, session] : partition.sessions) {
            if (!session->is_permitted())
                continue;
            if (session->connection().user_id() == user_id)
                his.push_back(session);
            else if (other == nullptr)
                other = session;
        }
        for (Session* session : his)
            session->refuse(refusal);
        if (other)
            other->enter_partition();
    }

    void operator()(IdentAllocated& allocated) {
        Scope scope(context, allocated.handle);
        Session* session = context.session(allocated.to);
        if (!session)
            return;
        if (const auto* refusal = std::get_if<Refusal>(&allocated.result))
            session->refuse(*refusal);
        else
            session->on_ident_allocated(std::get<wire::FileIdent>(allocated.result));
    }

    void operator()(FileBound& bound) {
        Scope scope(context, bound.handle);
        context.discharge(bound.user, bound.bytes);
        Partition& partition = scope.partition;
        FileClaim& claim = partition.end_bind(bound.file_ident);
        Session* session = context.session(bound.to);
        if (session && session->state() == SessionState::binding) {
            if (auto* refusal = std::get_if<Refusal>(&bound.result))
                session->fail(refusal->code, refusal->message);
            else
                accept(partition, claim, *session, std::get<BoundFile>(bound.result));
        }
        lift_fence(partition, bound.file_ident);
    }

    // Section 6.4 steps 10 and 11: the newer session wins, but not on one connection.
    void accept(Partition& partition, FileClaim& claim, Session& session, const BoundFile& file) {
        partition.settle(file.head);
        tell(partition, file.discovered);
        if (Session* old = std::exchange(claim.holder, nullptr)) {
            if (&old->connection() == &session.connection())
                return session.connection().fail(Code::bound_in_other_session,
                                                 "Client file is bound by another session");
            context.log(LogLevel::info, "Client file bound anew: its old connection is dropped");
            old->connection().drop();
        }
        claim.holder = &session;
        session.on_bound(file);
    }

    void tell(const Partition& partition, const DiscoveredFields& discovered) {
        for (const auto& [cls, fields] : discovered)
            context.events.push_back(
                FieldsDiscovered{partition.app_id, cls, {fields.begin(), fields.end()}});
    }

    // Uploads of the holder were held back while binds of its file were on their way (6.6).
    void lift_fence(Partition& partition, std::uint64_t file_ident) {
        auto claim = partition.files.find(file_ident);
        if (claim == partition.files.end() || claim->second.binds_in_flight != 0)
            return;
        if (claim->second.holder)
            claim->second.holder->release_uploads();
        else
            partition.files.erase(claim);
    }

    void operator()(UploadDone& done) {
        Scope scope(context, done.handle);
        scope.is_last = done.is_last;
        Partition& partition = scope.partition;
        context.discharge(done.user, done.bytes);
        context.stats.changesets_integrated += done.changesets;
        if (auto* appended = std::get_if<Appended>(&done.result)) {
            if (Session* session = context.session(done.to))
                session->on_appended(*appended);
            partition.settle(appended->head, appended->concerns);
            if (!appended->notice.empty())
                context.log(LogLevel::warning, "App " + partition.app_id + ", partition " +
                                                   partition.key + ": " + appended->notice);
        }
        if (Session* session = context.session(done.to))
            session->on_upload_done(done);
    }

    void operator()(SubscribeDone& done) {
        Scope scope(context, done.handle);
        context.discharge(done.user, done.bytes);
        if (const auto* subscribed = std::get_if<Subscribed>(&done.result)) {
            scope.partition.settle(subscribed->head);
            tell(scope.partition, subscribed->discovered);
        }
        if (Session* session = context.session(done.to))
            session->on_subscribed(std::move(done));
    }

    void operator()(Concluded& concluded) {
        Scope scope(context, concluded.handle);
        scope.partition.settle(concluded.result.head);
        if (Session* session = context.session(concluded.to))
            session->on_concluded(concluded.bootstrap, std::move(concluded.result));
        else if (Connection* connection = context.connection(concluded.to.connection))
            connection->release_page_slot();
    }

    void operator()(BegunEarly& begun) {
        Scope scope(context, begun.handle);
        if (Session* session = context.session(begun.to))
            session->on_begun_early(begun.bootstrap);
    }

    void operator()(SeenNoted& noted) { Scope scope(context, noted.handle); }

    void operator()(AdministrationDone& done) { AdministrationHandler{context}.take(done); }

    // A session that has failed gets its last page detached; the partition may be forgotten then.
    void operator()(PageFetched& fetched) {
        std::optional<Scope> scope;
        if (context.partitions.find(fetched.handle))
            scope.emplace(context, fetched.handle);
        // The page may show a commit whose outcome is still on its way: a MARK that comes after
        // what the page tells must wait for it too.
        if (scope)
            scope->partition.expose(std::max(fetched.page.progress.download.server_version,
                                             fetched.page.progress.latest.version));
        if (Session* session = context.session(fetched.to))
            session->on_page(std::move(fetched.page));
        else if (Connection* connection = context.connection(fetched.to.connection))
            connection->release_page_slot();
    }

    // Whether the work took effect is unknown: everybody on the partition comes back and reads the
    // truth at IDENT.
    void operator()(JobFailed& failed) {
        const auto* writer_job = std::get_if<WriterJob>(&failed.job);
        if (failed.scope != FailureScope::job || !writer_job ||
            !std::holds_alternative<Administer>(*writer_job)) // whose operator is told
            report(failed);
        if (auto* page = std::get_if<FetchPage>(&failed.job))
            return no_page(*page, failed.scope);
        auto& job = std::get<WriterJob>(failed.job);
        if (const auto* administer = std::get_if<Administer>(&job))
            return AdministrationHandler{context}.fail(*administer, failed.message);
        Scope scope(context, handle_of(job));
        Partition& partition = scope.partition;
        std::visit(
            [this](const auto& charged) {
                if constexpr (requires { charged.bytes; })
                    context.discharge(charged.owner.flow, charged.bytes);
            },
            job);
        if (failed.scope == FailureScope::job)
            if (const SessionRef* of = alone_in(job))
                return fail_alone(*of, job, partition);
        while (!partition.sessions.empty()) // failing a connection takes its sessions out
            partition.sessions.begin()->second->connection().fail_without_storage();
        if (auto* bind = std::get_if<Bind>(&job)) {
            partition.end_bind(bind->request.file.ident);
            partition.tidy(bind->request.file.ident);
        }
        // Nothing else can be in flight before it is open; the next BIND tries again.
        scope.evict = std::holds_alternative<OpenPartition>(job);
    }

    // The session that alone has anything to do with what failed; null: others may have.
    static const SessionRef* alone_in(const WriterJob& job) {
        if (const auto* bind = std::get_if<Bind>(&job))
            return &bind->to;
        if (const auto* subscribe = std::get_if<Subscribe>(&job))
            return &subscribe->to;
        if (const auto* begin = std::get_if<BeginEarly>(&job))
            return &begin->to;
        const auto* conclude = std::get_if<Conclude>(&job);
        return conclude ? &conclude->to : nullptr;
    }

    void fail_alone(const SessionRef& of, const WriterJob& job, Partition& partition) {
        if (std::holds_alternative<Conclude>(job))
            if (Connection* connection = context.connection(of.connection))
                connection->release_page_slot();
        if (Session* session = context.session(of))
            session->try_later("The server could not do this", Code::other_session_error);
        if (const auto* bind = std::get_if<Bind>(&job)) {
            partition.end_bind(bind->request.file.ident);
            lift_fence(partition, bind->request.file.ident);
        }
    }

    void report(const JobFailed& failed) {
        switch (failed.scope) {
        case FailureScope::medium: context.events.push_back(StorageFailed{failed.message}); break;
        case FailureScope::overload:
            context.log(LogLevel::error, "No room to store anything: " + failed.message);
            break;
        case FailureScope::job:
            context.log(LogLevel::error, "A storage job failed: " + failed.message);
        }
    }

    void no_page(const FetchPage& job, FailureScope of) {
        std::optional<Scope> scope;
        if (context.partitions.find(job.handle))
            scope.emplace(context, job.handle);
        Connection* connection = context.connection(job.to.connection);
        if (!connection)
            return;
        connection->release_page_slot();
        if (of != FailureScope::job)
            connection->fail_without_storage();
        else if (Session* session = context.session(job.to))
            session->on_no_page();
    }
};

} // namespace

Server::Server(const ServerTuning& tuning, std::uint64_t seed, bool asks_permission)
    : context_(std::make_unique<Context>(tuning, seed, asks_permission)) {}

Server::~Server() {
    while (!context_->connections.empty())
        closed(context_->connections.begin()->first);
}

ConnectionId Server::open_connection(std::string_view app_id, std::string_view user_id,
                                     std::string_view subprotocol, std::int64_t now) {
    const auto [mode, version] = parse_subprotocol(subprotocol);
    context_->now = now;
    const ConnectionId id = context_->next_connection++;
    auto connection = std::make_unique<Connection>(*context_, id, std::string(app_id),
                                                   std::string(user_id), version, mode);
    Connection& added = *context_->connections.emplace(id, std::move(connection)).first->second;
    if (context_->draining) {
        added.fail_for_now(Code::connection_closed, "The server is restarting",
                           draw_restart_backoff(), kInternalError);
    }
    end_call();
    return id;
}

void Server::receive(ConnectionId id, std::string_view message, std::int64_t now) {
    Connection* connection = context_->connection(id);
    if (!connection)
        return;
    context_->now = now;
    try {
        connection->receive(message);
    } catch (const std::exception& e) { // a fault of ours: it ends this connection only
        context_->log(LogLevel::error, std::string("Internal error: ") + e.what());
        connection->fail(Code::other_error, "Internal error");
    }
    end_call();
}

void Server::refuse(ConnectionId id, std::string_view first_bytes, std::uint64_t size,
                    std::int64_t now) {
    context_->now = now;
    if (Connection* connection = context_->connection(id))
        connection->refuse(first_bytes, size);
    end_call();
}

std::optional<std::string> Server::next_message(ConnectionId id, std::int64_t now) {
    Connection* connection = context_->connection(id);
    if (!connection)
        return std::nullopt;
    context_->now = now;
    auto message = connection->next_message();
    end_call();
    return message;
}

void Server::revoke(ConnectionId id, std::int64_t now) {
    context_->now = now;
    if (Connection* connection = context_->connection(id))
        connection->revoke();
    end_call();
}

void Server::take_over(ConnectionId id, std::int64_t now) {
    context_->now = now;
    if (Connection* connection = context_->connection(id))
        connection->take_over();
    end_call();
}

void Server::authorize(ConnectionId id, std::uint64_t session, std::uint64_t question,
                       std::optional<Permission> permission, std::int64_t now) {
    context_->now = now;
    if (Connection* connection = context_->connection(id))
        connection->authorize(session, question, permission);
    end_call();
}

void Server::authorize_roles(ConnectionId id, std::uint64_t session, std::uint64_t question,
                             std::shared_ptr<const rules::SessionRoles> roles, std::int64_t now) {
    context_->now = now;
    if (Connection* connection = context_->connection(id))
        connection->authorize_roles(session, question, std::move(roles));
    end_call();
}

void Server::reauthorize(ConnectionId id, std::int64_t now) {
    context_->now = now;
    if (Connection* connection = context_->connection(id))
        connection->reauthorize();
    end_call();
}

void Server::configure_app(const std::string& app_id, const AppSettings& settings,
                           std::int64_t now) {
    context_->now = now;
    const std::uint32_t app = context_->number_of(app_id);
    const AppSettings old = std::exchange(context_->app_settings[app], settings);
    if (settings.is_paused || old.sync_mode != settings.sync_mode ||
        old.partition_type != settings.partition_type ||
        old.needs_partition != settings.needs_partition ||
        old.schema_versions != settings.schema_versions)
        for (auto& [id, connection] : context_->connections)
            if (connection->owner().app == app)
                connection->obey_settings();
    end_call();
}

void Server::remove_app(const std::string& app_id, std::int64_t now) {
    context_->now = now;
    const std::uint32_t app = context_->number_of(app_id);
    for (auto& [id, connection] : context_->connections)
        if (connection->owner().app == app)
            connection->fail_for_now(Code::connection_closed, "This app is no longer served",
                                     context_->tuning.overload_backoff_s);
    end_call();
}

std::uint64_t Server::administer(const std::string& app_id, Administration what, std::int64_t now) {
    context_->now = now;
    const std::uint64_t task = context_->next_task++;
    AdministrationHandler{*context_}.begin(
        {0, task, app_id, std::move(what), {context_->number_of(app_id), 0}});
    end_call();
    return task;
}

std::uint32_t Server::number_of(const std::string& app_id) { return context_->number_of(app_id); }

void Server::closed(ConnectionId id) {
    auto gone = context_->connections.extract(id);
    if (!gone.empty()) {
        gone.mapped()->detach();
        gone.mapped().reset();
    }
    end_call();
}

void Server::on_outcome(Outcome outcome, std::int64_t now) {
    context_->now = now;
    const bool is_page = std::holds_alternative<PageFetched>(outcome);
    const auto* failed = std::get_if<JobFailed>(&outcome);
    const auto* upload = std::get_if<UploadDone>(&outcome);
    const auto* administration = std::get_if<AdministrationDone>(&outcome);
    if (!is_page && !(administration && !administration->result.is_done) &&
        !(failed && std::holds_alternative<FetchPage>(failed->job)) &&
        !(upload && !upload->is_last)) {
        REALMSYNC_ASSERT(context_->writer_jobs_in_flight > 0);
        --context_->writer_jobs_in_flight;
    }
    std::visit(OutcomeHandler{*context_}, outcome);
    end_call();
}

void Server::end_call() {
    for (std::size_t i = 0; i < context_->ended.size(); ++i)
        if (Connection* connection = context_->connection(context_->ended[i]))
            connection->destroy_sessions();
    context_->ended.clear();
    if (context_->drain_until && context_->writer_jobs_in_flight == 0 &&
        context_->unacknowledged_sessions == 0)
        finish_shutdown();
}

void Server::on_timer(std::int64_t now) {
    context_->now = now;
    context_->release_progress(now);
    context_->end_bootstrap_turns();
    AdministrationHandler{*context_}.submit_announced();
    if (context_->drain_until && now >= *context_->drain_until)
        finish_shutdown();
    if (!context_->next_timer || now < *context_->next_timer)
        return;
    context_->next_timer.reset();
    for (auto& [id, connection] : context_->connections) {
        connection->on_timer();
        if (auto due = connection->deadline())
            context_->wake_at(*due);
    }
    end_call();
}

std::optional<std::int64_t> Server::deadline() const {
    std::optional<std::int64_t> first = context_->next_timer;
    const auto consider = [&](std::int64_t time) { first = first ? std::min(*first, time) : time; };
    if (context_->drain_until)
        consider(*context_->drain_until);
    for (const auto& [due, job] : context_->announced)
        consider(due);
    if (!context_->progress_due.empty())
        consider(context_->progress_due.front().first);
    if (const auto end = context_->bootstrap_turns.end())
        consider(*end);
    return first;
}

void Server::shutdown(std::int64_t now) {
    if (context_->draining)
        return;
    context_->now = now;
    context_->draining = true;
    context_->drain_until = now + context_->tuning.drain_ms;
    context_->release_progress(std::numeric_limits<std::int64_t>::max());
    end_call();
}

void Server::finish_shutdown() {
    context_->drain_until.reset();
    for (auto& [id, connection] : context_->connections)
        connection->fail_for_now(Code::connection_closed, "The server is restarting",
                                 draw_restart_backoff(), kInternalError);
    end_call();
}

// In s.
std::int64_t Server::draw_restart_backoff() {
    const ServerTuning& tuning = context_->tuning;
    const auto first = tuning.restart_backoff_min_s;
    const auto spread = static_cast<std::int64_t>(context_->connections.size()) /
                        std::max<std::int64_t>(tuning.restart_connections_per_s, 1);
    const auto last = std::max(first, std::min(first + spread, tuning.restart_backoff_max_s));
    return std::uniform_int_distribution<std::int64_t>(first, last)(context_->random);
}

std::vector<Job> Server::take_jobs() { return std::exchange(context_->jobs, {}); }
std::vector<Event> Server::take_events() { return std::exchange(context_->events, {}); }
std::int64_t Server::now() const { return context_->now; }
std::uint64_t Server::visits() const { return context_->visits; }
bool Server::has_events() const { return !context_->events.empty(); }

Stats Server::stats() const {
    Stats stats = context_->stats;
    stats.partitions = context_->partitions.size();
    stats.backlog_bytes = context_->backlog.total();
    return stats;
}

} // namespace realmsync::server
