#include "realm/client_reset.hpp"

#include <functional>
#include <optional>
#include <utility>
#include <vector>

#include "changeset/codec.hpp"
#include "realm/file_copy.hpp"
#include "realm/local_history.hpp"
#include "realm/migration.hpp"
#include "realm/mirror.hpp"
#include "realm/pending_bootstrap.hpp"
#include "realm/pending_reset.hpp"
#include "realm/recovery.hpp"
#include "realm/subscription_store.hpp"
#include "realm/write_transaction.hpp"

namespace realmsync::realm {

namespace {

// The changes that the server has not confirmed, as it would see them, replayed on `fresh`.
std::vector<local_history::Recovered> recover(RealmConnection& local, std::uint64_t uploaded,
                                              Recovery& recovery) {
    std::vector<local_history::Recovered> recovered;
    local_history::local_changes(
        local.db, uploaded, [&](std::uint64_t version, std::uint64_t, auto bytes) {
            std::string replayed;
            if (!bytes->empty())
                replayed = recovery.replay(value_or_throw(changeset::parse(std::move(bytes))));
            recovered.push_back({version, std::move(replayed)});
        });
    return recovered;
}

// Its progress is that of the whole, and what a bootstrap has left is of another file's.
void restart_subscriptions(sqlite::Database& db, bool keeps_pending) {
    client::ClientState state = local_history::load(db);
    state.downloadable_bytes = client::kWholeEstimate;
    local_history::store(db, state);
    pending_bootstrap::clear(db);
    subscription_store::restart(db, keeps_pending);
}

// A set with these subscriptions, unless the latest one has them. Its version.
using Wanted = std::function<SubscriptionList(RealmConnection&, const SubscriptionList& latest)>;
std::int64_t subscribe(RealmFile& target, std::uint64_t now, const Wanted& wanted) {
    const auto writing = target.begin_write(target.writers().acquire(), RealmFile::kPatience);
    RealmConnection& connection = writing->connection();
    const std::int64_t latest = subscription_store::load(connection.db).latest();
    const SubscriptionList list = subscription_store::subscriptions(connection.db, latest);
    const SubscriptionList next = wanted(connection, list);
    if (next == list)
        return latest; // an unfinished copy goes on, or nothing is asked for
    const std::int64_t version = writing->add_subscriptions(next);
    writing->commit(now);
    return version;
}

// What `fresh` subscribes to is in the file: its set is complete there.
void become_flexible(RealmConnection& local, sqlite::Database& fresh, const std::string& query,
                     std::uint64_t version) {
    migration::begin(local.db, query);
    const std::int64_t active = subscription_store::load(fresh).active_version();
    const std::int64_t set = subscription_store::add(
        local.db, subscription_store::subscriptions(fresh, active), version);
    subscription_store::begin_bootstrap(local.db, set);
    subscription_store::end_bootstrap(local.db, set);
    subscription_store::complete(local.db, set);
    migration::cover(local.db, local.tables.schema(), version);
}

// Whoever writes next finds the file in its new mode.
void commit(RealmFile& file, RealmFile::Writing& writing, std::uint64_t version,
            Migration migration, const TouchedObjects& touched) {
    const bool was_migrated = file.is_migrated();
    if (migration != Migration::none)
        file.set_migrated(migration == Migration::to_flexible);
    try {
        writing.commit(version, RealmFile::Commit::local,
                       [&](TouchedObjects& written) { written.add(touched); });
    } catch (...) {
        if (migration != Migration::none)
            file.set_migrated(was_migrated);
        throw;
    }
}

} // namespace

std::int64_t import_subscriptions(RealmFile& source, RealmFile& target, std::uint64_t now) {
    SubscriptionList wanted;
    source.read([&](RealmConnection& connection) {
        const sqlite::Transaction snapshot(connection.db, sqlite::Transaction::Mode::read);
        wanted = subscription_store::subscriptions(
            connection.db, subscription_store::load(connection.db).active_version());
    });
    return subscribe(target, now,
                     [&](RealmConnection&, const SubscriptionList&) { return wanted; });
}

std::int64_t subscribe_to_all(RealmFile& target, const std::string& query, std::uint64_t now) {
    return subscribe(target, now, [&](RealmConnection& connection, const SubscriptionList& list) {
        const auto schema = connection.tables.schema();
        return migration::covering(list, schema, query).value_or(list);
    });
}

ResetOutcome reset(RealmFile& file, RealmFile& fresh, const ResetRequest& request) {
    ResetOutcome outcome;
    outcome.recovered = pending_reset::begin(file, request);
    const auto fresh_writing =
        fresh.begin_write(fresh.writers().acquire(), RealmFile::kPatience); // rolls back
    RealmFile::Writing writing(file, file.writers().acquire());
    RealmConnection& local = writing.connection();
    const client::ClientState state = local_history::load(local.db);
    const client::ClientState server = local_history::load(fresh_writing->connection().db);
    std::vector<local_history::Recovered> recovered;
    Recovery recovery(*fresh_writing, local);
    if (outcome.recovered)
        recovered = recover(local, state.progress.upload.client_version, recovery);
    // A server that is older than what it has told, a restored one, has lost what it acknowledged:
    // that is not replayed, as nobody can tell it from what others have changed back since. It says
    // so; by its version alone one cannot tell, as others may have uploaded since, and in flexible
    // sync asking for the copy makes versions. Versions of the other mode say nothing.
    const bool has_forgotten =
        request.has_forgotten ||
        (request.migration == Migration::none &&
         server.progress.download.server_version < state.progress.download.server_version);
    const bool is_lossy =
        has_forgotten ||
        (outcome.recovered ? recovery.has_loss() : state.uploaded_version < state.current_version);
    if (is_lossy && !request.copy.empty()) {
        // Of what is committed, and nobody commits now.
        write_copy(file.path(), {.path = request.copy, .kind = CopyKind::whole});
        outcome.is_copied = true;
    }
    const TouchedObjects touched = mirror(fresh_writing->connection(), local);
    const std::uint64_t version = local_history::restart(local.db, server, recovered);
    if (request.migration == Migration::to_flexible)
        become_flexible(local, fresh_writing->connection().db, request.partition_query, version);
    if (request.migration == Migration::to_partition)
        migration::end(local.db);
    else if (file.is_flexible() || request.migration == Migration::to_flexible)
        restart_subscriptions(local.db, outcome.recovered);
    const bool leaves = request.migration == Migration::none && file.is_migrated() &&
                        migration::leave(local.db); // its sentinel was discarded
    writing.forget_merge();
    commit(file, writing, version, request.migration, touched);
    if (leaves)
        file.leave_partition();
    return outcome;
}

void forget_reset(RealmFile& file) { pending_reset::forget(file); }

} // namespace realmsync::realm
