// RealmFile's part in flexible sync: bootstraps from their first message to the commit that applies
// them, and the transitions of subscription sets (flexible-sync.md 3.4, 7.3 to 7.5).
//
// A bootstrap of several messages lies in the file until the last one is there; then all of it is
// applied in one commit, so that no reader sees a half of it. One that stops in between is
// forgotten when the next one begins, or when the session starts anew.
#include <algorithm>
#include <future>
#include <optional>
#include <utility>
#include <variant>

#include "base/assert.hpp"
#include "client/download.hpp"
#include "realm/home_partition.hpp"
#include "realm/integrating.hpp"
#include "realm/local_history.hpp"
#include "realm/migration.hpp"
#include "realm/pending_bootstrap.hpp"
#include "realm/realm_file.hpp"
#include "realm/subscription_store.hpp"
#include "realm/touched_objects.hpp"

namespace realmsync::realm {

namespace {

// Instructions of one commit whose objects are told apart for those who follow: beyond that they
// are told that anything may have changed.
constexpr std::size_t kMostTold = 500'000;

using Step = std::variant<client::Integration, client::IntegrationFailed, client::TooLarge>;

// The parts that lie in the file, inflated and parsed one step ahead of what is applied, by another
// thread.
class StoredParts {
  public:
    StoredParts(sqlite::Database& db, std::uint32_t count, const client::DownloadLimits& limits)
        : db_(db), count_(count), limits_(limits) {
        begin_next();
    }

    std::optional<Step> next() {
        if (!ahead_.valid())
            return std::nullopt;
        Step step = ahead_.get();
        begin_next();
        return step;
    }

  private:
    void begin_next() {
        if (reader_ && !reader_->is_done()) {
            ahead_ = std::async(std::launch::async, [this] { return reader_->next(); });
        } else if (number_ < count_) {
            part_ = pending_bootstrap::read(db_, number_++);
            part_.limits = limits_;
            ahead_ = std::async(std::launch::async, [this] {
                reader_ = client::DownloadReader::reopen(part_);
                return reader_->next();
            });
        }
    }

    sqlite::Database& db_;
    const std::uint32_t count_;
    const client::DownloadLimits limits_;
    std::uint32_t number_ = 0; // of the next part
    client::ReceivedDownload part_;
    std::optional<client::DownloadReader> reader_; // of part_
    std::future<Step> ahead_;                      // the last member: its end waits for the thread
};

class Application {
  public:
    Application(RealmConnection& connection, const std::atomic<bool>* stop)
        : integrating_(connection, stop) {}

    Integrating& integrating() { return integrating_; }
    TouchedObjects take_touched() { return std::move(touched_); }

    void apply(Step step) {
        if (auto* failed = std::get_if<client::IntegrationFailed>(&step))
            raise(ErrorKind::bad_changeset, std::move(failed->message));
        if (std::holds_alternative<client::TooLarge>(step))
            raise(ErrorKind::limit_exceeded, "a changeset of a bootstrap is too large");
        auto& part = std::get<client::Integration>(step);
        integrating_.apply(part.changesets);
        for (const client::IncomingChangeset& c : part.changesets)
            note(c.changeset);
    }

  private:
    void note(const changeset::Changeset& changeset) {
        instructions_ += changeset.instructions.size();
        if (instructions_ <= kMostTold) {
            touched_.add(changeset);
        } else {
            touched_ = TouchedObjects();
            touched_.add_unknown();
        }
    }

    Integrating integrating_;
    TouchedObjects touched_;
    std::size_t instructions_ = 0;
};

// Nothing is whole before it can be read.
std::uint64_t partial(std::uint64_t estimate) {
    return std::min(estimate, client::kWholeEstimate - 1);
}

void clear(sqlite::Database& db) {
    pending_bootstrap::clear(db);
    subscription_store::abandon_bootstrap(db);
}

} // namespace

client::ClientState RealmFile::with_subscriptions(RealmConnection& connection,
                                                  client::ClientState state) const {
    if (is_flexible_) {
        state.subscriptions = subscription_store::load(connection.db);
        if (is_migrated_ && migration::query(connection.db)) {
            state.subscriptions->is_migrated = true;
            state.subscriptions->sentinel = migration::sentinel(connection.db);
        }
        state.pending_bytes = pending_bootstrap::find(connection.db).bytes;
    }
    return state;
}

void RealmFile::cover_classes(RealmConnection& connection, std::uint64_t version) {
    if (is_migrated_)
        migration::cover(connection.db, connection.tables.schema(), version);
}

client::PendingQuery RealmFile::active_query() {
    client::PendingQuery query;
    read_briefly([&](RealmConnection& connection) {
        const sqlite::Transaction snapshot(connection.db, sqlite::Transaction::Mode::read);
        query.version = subscription_store::load(connection.db).active_version();
        query.body = subscription_store::body(connection.db, query.version);
    });
    return query;
}

Result<client::ClientState> RealmFile::take_bootstrap(const client::ReceivedDownload& part,
                                                      client::DownloadReader& body,
                                                      const std::atomic<bool>* stop) {
    const bool is_single = part.bootstrap->number == 0 && part.bootstrap->is_last;
    try {
        if (!is_single) {
            auto state = keep_part(part, body.original_bytes());
            if (!part.bootstrap->is_last)
                return state;
        }
        return apply_bootstrap(part, is_single ? &body : nullptr, stop);
    } catch (const ErrorException& e) {
        return e.error();
    }
}

client::ClientState RealmFile::keep_part(const client::ReceivedDownload& part,
                                         std::uint64_t bytes) {
    Writing writing(*this, writer_queue_.acquire());
    RealmConnection& connection = writing.connection();
    {
        Integrating integrating(connection, nullptr);
        integrating.check(part.progress);
    }
    subscription_store::begin_bootstrap(connection.db, part.bootstrap->query_version);
    pending_bootstrap::add(connection.db, part, bytes);
    client::ClientState state = local_history::load(connection.db);
    state.downloadable_bytes = partial(part.downloadable_bytes);
    local_history::store(connection.db, state);
    state = with_subscriptions(connection, std::move(state));
    writing.commit(state.current_version, Commit::remote);
    return state;
}

// `last`: the last part. `body`: if it is the only one, which is not kept then.
client::ClientState RealmFile::apply_bootstrap(const client::ReceivedDownload& last,
                                               client::DownloadReader* body,
                                               const std::atomic<bool>* stop) {
    Writing writing(*this, writer_queue_.acquire());
    RealmConnection& connection = writing.connection();
    sqlite::Database& db = connection.db;
    std::optional<Application> application(std::in_place, connection, stop);
    application->integrating().check(last.progress);
    subscription_store::begin_bootstrap(db, last.bootstrap->query_version);
    if (body) {
        while (!body->is_done())
            application->apply(body->next());
    } else {
        StoredParts parts(db, last.bootstrap->number + 1, last.limits);
        while (auto step = parts.next())
            application->apply(std::move(*step));
    }
    client::ClientState state =
        application->integrating().finish(last.progress, last.downloadable_bytes);
    const TouchedObjects touched = application->take_touched();
    application.reset(); // from here on nothing stops it
    pending_bootstrap::clear(db);
    subscription_store::end_bootstrap(db, last.bootstrap->query_version);
    cover_classes(connection, state.current_version);
    state = with_subscriptions(connection, std::move(state));
    merge_.reset();
    writing.commit(state.current_version, Commit::remote,
                   [&](TouchedObjects& written) { written.add(touched); });
    return state;
}

client::ClientState RealmFile::resume_bootstrap(const client::DownloadLimits& limits,
                                                const std::atomic<bool>* stop) {
    pending_bootstrap::Stored stored;
    bool is_abandoned = false;
    read_briefly([&](RealmConnection& connection) {
        const sqlite::Transaction snapshot(connection.db, sqlite::Transaction::Mode::read);
        stored = pending_bootstrap::find(connection.db);
        for (const auto& set : subscription_store::load(connection.db).sets)
            is_abandoned |= set.state == client::SetState::bootstrapping;
    });
    if (stored.is_whole) {
        try {
            client::ReceivedDownload last = read_part(stored.parts - 1);
            last.limits = limits;
            return apply_bootstrap(last, nullptr, stop);
        } catch (const ErrorException&) { // it comes again, and fails where the server can be told
            if (stop && *stop)
                throw;
            is_abandoned = true;
        }
    }
    if (is_abandoned || stored.parts > 0)
        return change_sets(clear);
    return state();
}

client::ReceivedDownload RealmFile::read_part(std::uint32_t number) {
    client::ReceivedDownload part;
    read_briefly([&](RealmConnection& connection) {
        part = pending_bootstrap::read(connection.db, number);
    });
    return part;
}

Result<client::ClientState> RealmFile::reject_set(std::int64_t version,
                                                  const std::string& message) {
    try {
        return change_sets(
            [&](sqlite::Database& db) { subscription_store::reject(db, version, message); });
    } catch (const ErrorException& e) {
        return e.error();
    }
}

client::ClientState RealmFile::complete_set(std::int64_t version) {
    return change_sets([&](sqlite::Database& db) { subscription_store::complete(db, version); });
}

client::ClientState RealmFile::change_sets(const std::function<void(sqlite::Database&)>& change) {
    Writing writing(*this, writer_queue_.acquire());
    RealmConnection& connection = writing.connection();
    change(connection.db);
    const bool leaves = is_migrated_ && migration::leave(connection.db);
    client::ClientState state = with_subscriptions(connection, local_history::load(connection.db));
    writing.commit(state.current_version, Commit::remote);
    if (leaves)
        leave_partition();
    return state;
}

bool RealmFile::try_claim_flexible() {
    bool is_claimed = false;
    read_briefly([&](RealmConnection& connection) {
        sqlite::Database& db = connection.db;
        const sqlite::Transaction snapshot(db, sqlite::Transaction::Mode::read);
        require_whole(db);
        const bool is_migrated = require_flexible(db);
        is_claimed =
            subscription_store::is_there(db) && (!is_migrated || migration::sentinel(db) != 0);
        if (is_claimed)
            note_flexible(is_migrated);
    });
    return is_claimed;
}

void RealmFile::claim_flexible(WriterQueue::Turn turn) {
    Writing writing(*this, std::move(turn));
    sqlite::Database& db = writing.connection().db;
    require_whole(db);
    const bool is_migrated = require_flexible(db);
    subscription_store::create(db);
    pending_bootstrap::create(db);
    if (is_migrated && migration::sentinel(db) == 0)
        migration::begin_to_leave(db, local_history::append_local(db, 0, {}));
    writing.commit(local_history::newest_version(db), Commit::local);
    note_flexible(is_migrated);
}

void RealmFile::stay_in_partition(WriterQueue::Turn turn) {
    Writing writing(*this, std::move(turn));
    sqlite::Database& db = writing.connection().db;
    migration::stay(db);
    writing.commit(local_history::newest_version(db), Commit::remote);
}

bool RealmFile::is_leaving_partition() {
    bool is_leaving = false;
    read_briefly([&](RealmConnection& connection) {
        const sqlite::Transaction snapshot(connection.db, sqlite::Transaction::Mode::read);
        is_leaving = migration::query(connection.db) && migration::sentinel(connection.db) != 0;
    });
    return is_leaving;
}

// Whether it belongs to a partition all the same; throws if it is synchronised by that.
bool RealmFile::require_flexible(sqlite::Database& db) const {
    const bool is_migrated = migration::query(db).has_value();
    if (!is_migrated && home_partition::find(db))
        throw OtherSyncMode(path_);
    return is_migrated;
}

void RealmFile::note_flexible(bool is_migrated) {
    is_migrated_ = is_migrated;
    is_flexible_ = true;
}

} // namespace realmsync::realm
