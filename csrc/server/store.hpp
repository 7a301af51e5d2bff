// What the server engine needs of durable storage, as an interface: partitions/partition_db.hpp
// implements it. Calls may block; the runtime makes writer calls on one
// thread, in order, many inside one begin()/commit() pair (group commit), and page reads on others.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/work.hpp"
#include "changeset/instruction.hpp"
#include "server/administration.hpp"
#include "server/app_settings.hpp"
#include "wire/body.hpp"
#include "wire/cursor.hpp"
#include "wire/error_code.hpp"
#include "wire/partition_value.hpp"

namespace realmsync::rules {
class SessionRoles;
}
namespace realmsync::views {
class View;
struct ViewGroup;
using ViewGroupPtr = std::shared_ptr<const ViewGroup>;
} // namespace realmsync::views

namespace realmsync::server {

using PartitionId = std::uint64_t;

// The key of the one partition in which an app has the objects of flexible sync: no partition value
// is written like it.
inline constexpr std::string_view kFlexibleLog;

// Why an operation is refused: the session gets it as its error, or the connection where the code
// is one of connections.
struct Refusal {
    wire::Code code;
    std::string message;
    bool for_good = false; // another try would end the same way: the session is to stay away
};

struct OpenedPartition {
    PartitionId id = 0;
    std::uint64_t head = 0; // newest committed server version
};

// Fields that only development mode has let a query set ask about, by class.
using DiscoveredFields = std::map<std::string, std::set<std::string>, std::less<>>;

// A query set as a client has sent it, and the roles under which its session is served.
struct Subscribing {
    std::int64_t query_version = 0;
    std::string body;
    std::shared_ptr<const rules::SessionRoles> roles;
};
// What brings a client file to a view (flexible-sync.md 7): made by the writer, carried out page by
// page by readers.
struct Bootstrap {
    std::uint64_t number = 0; // the store's, of this client file
    std::int64_t query_version = 0;
    std::shared_ptr<const views::View> view;
    std::shared_ptr<const views::View> old; // what the file holds; null: nothing
    // The views of bootstraps that were cut off: it may have kept parts of them, none of which
    // shows anything that came after a version.
    struct Unfinished {
        std::shared_ptr<const views::View> view;
        std::uint64_t until = 0;
    };
    std::vector<Unfinished> unfinished;
    // Since when changes of the file were judged by views that it has not been brought to: what it
    // has made since, it has.
    std::uint64_t since = 0; // version
};
// How far it is: the store's, one page at a time.
class BootstrapProgress {
  public:
    virtual ~BootstrapProgress() = default;
    virtual std::uint64_t bytes() const = 0; // of memory, about
};

struct BindRequest { // a client's IDENT (server-behaviour.md 6.4)
    std::string user_id;
    wire::FileIdent file;
    wire::DownloadCursor download;
    wire::SaltedVersion latest;
    std::optional<Subscribing> subscribing = std::nullopt;      // flexible sync
    std::optional<std::uint64_t> schema_version = std::nullopt; // that the client says to have
};
struct BoundFile {
    wire::UploadCursor threshold; // stored client version and base server version
    std::uint64_t locked_server_version = 0;
    std::uint64_t head = 0;
    // Flexible sync: what the file is shown, unless a bootstrap has to come first.
    views::ViewGroupPtr group = nullptr;
    std::shared_ptr<const Bootstrap> bootstrap = nullptr;
    DiscoveredFields discovered = {};
    // The version of the schema that the file has been served under, if its client says another.
    std::optional<std::uint64_t> served_schema_version = std::nullopt;
    std::uint64_t work = 0; // ns, of understanding views of before anew
};
struct BadQuery { // the text of a QUERY_ERROR
    std::string message;
};
struct Subscribed {
    std::shared_ptr<const Bootstrap> bootstrap;
    std::uint64_t head = 0;  // may have risen
    std::uint64_t start = 0; // the version up to which the history is shown before
    DiscoveredFields discovered = {};
    std::uint64_t work = 0; // as above
};

struct UploadedChangeset {
    std::uint64_t client_version = 0;
    std::uint64_t server_version = 0; // base
    std::uint64_t origin_timestamp = 0;
    std::uint64_t origin_file_ident = 0; // 0: the sender
    changeset::Changeset changeset;
};
// Checked by the engine (server-behaviour.md 7.2); duplicates already dropped.
struct AppendRequest {
    std::uint64_t file_ident = 0;
    std::vector<UploadedChangeset> changesets; // empty: progress alone
    wire::UploadCursor progress;
    std::uint64_t locked_server_version = 0;
    // Else classes and properties alone, and those that the app declares: SDKs send what they open
    // a realm with, also for users who may only read.
    bool may_write = true;
    std::shared_ptr<const rules::SessionRoles> roles = nullptr; // flexible sync
    // Of an application that knows of a partition, though the app has gone over to flexible sync:
    // objects that it creates without saying their partition get this one.
    std::shared_ptr<const wire::PartitionValue> migrated_from = nullptr;
};
// Flexible sync: a version, and the sessions that have to see it, beside that of its writer.
struct Concern {
    std::uint64_t version = 0;
    std::vector<views::ViewGroupPtr> groups;
    bool is_for_all = false;
};
struct Appended {
    std::uint64_t head = 0;             // unchanged when only progress was stored
    std::string notice;                 // for the operator
    std::uint64_t made = 0;             // versions, the newest of which is the head
    std::vector<Concern> concerns = {}; // of these, ascending
};

// One DOWNLOAD, its header fields from the same snapshot as its entries (server-behaviour.md 8.1 to
// 8.4).
struct Page {
    wire::PackedBody body;
    std::size_t entries = 0;
    wire::SyncProgress progress; // download cursor after it, latest version, acknowledged upload
    std::uint64_t downloadable_bytes = 0;
    // Flexible sync. Writes of this file that the page takes back (flexible-sync.md 9.3).
    struct Rejected {
        std::uint64_t client_version = 0;
        std::string cls, key, reason; // the key as in rejectedUpdates
        bool is_asymmetric = false;   // of a class of which nothing comes back
    };
    std::vector<Rejected> rejected;
    bool is_too_large = false; // there is nothing in it: a bootstrap has to bring it
    std::string refusal;       // why it cannot be made, if it cannot
    std::uint64_t work = 0;    // ns (base/work.hpp), of asking the view
    // Of a bootstrap: whether everything is found, so that it can be concluded, and how much of it
    // is done from 0 to 1.
    bool is_last = false;
    double estimate = 0;
    std::shared_ptr<BootstrapProgress> bootstrap_progress; // for the next part
};
// The versions after a cursor that may have something for a client file: up to `up_to` these alone.
struct KnownVersions {
    std::vector<std::uint64_t> versions; // ascending
    std::uint64_t up_to = 0;
    bool has_own = false; // some are of the file itself
};
struct PageRequest {
    PartitionId partition = 0;
    std::uint64_t file_ident = 0;
    wire::DownloadCursor cursor;
    std::uint64_t least_latest = 0; // latest version already told to this client: never go below
    std::uint64_t byte_limit = 0;   // soft: reached or exceeded by the last entry
    // Flexible sync: hard, of what can be had of the newest version alone, so that it goes in one;
    // 0: none. Else the page is told to be too large.
    std::uint64_t whole_limit = 0;
    // Flexible sync: what the history is shown through; or the next part of a bootstrap, whose
    // progress the first page makes.
    std::shared_ptr<const views::View> view = nullptr;
    std::shared_ptr<const Bootstrap> bootstrap = nullptr;
    std::shared_ptr<BootstrapProgress> progress = nullptr;
    std::uint64_t up_to = 0; // the last version of the history that is to be in it; 0: any
    std::optional<KnownVersions> known = std::nullopt; // of the history
    bool acknowledges_only = false; // how far uploads are, and nothing of the history
};

struct ConcludedBootstrap {
    Page page;
    std::uint64_t head = 0;    // may have risen
    views::ViewGroupPtr group; // of which the file is from now on
};

class ServerStore {
  public:
    virtual ~ServerStore() = default;

    // Between transactions, by the writer: what is stored from now on obeys it.
    virtual void configure(const AppSettings& settings) = 0;

    // Writer calls. Nothing is visible outside, or may be told to a client, before commit().
    virtual void begin() = 0;
    // No transaction is open afterwards, not when it throws either: whether it took effect is
    // unknown then.
    virtual void commit() = 0;
    virtual void rollback() = 0;
    // Creates the partition for the user when it is new, unless he has too many. `key` is the
    // canonical partition value.
    virtual std::variant<OpenedPartition, Refusal>
    open_partition(std::string_view app_id, std::string_view key, std::string_view user_id) = 0;
    virtual std::variant<wire::FileIdent, Refusal> allocate_ident(PartitionId partition,
                                                                  std::string_view user_id) = 0;
    virtual std::variant<BoundFile, Refusal> bind(PartitionId partition,
                                                  const BindRequest& request) = 0;
    virtual void note_seen(PartitionId partition, std::uint64_t file_ident) = 0;
    // Flexible sync: a client's QUERY, at the moment from which its uploads are judged by it; and
    // the last part of a bootstrap, which is stored before it is told.
    virtual std::variant<Subscribed, BadQuery>
    subscribe(PartitionId partition, std::uint64_t file_ident, const Subscribing& request) = 0;
    // It is not the last part, and nothing is stored, when much was left.
    virtual ConcludedBootstrap conclude(PartitionId partition, const PageRequest& request) = 0;
    // What the file is to be sent from its cursor on comes as a bootstrap: the one that is due
    // begins there, or else one of the query set that the file has. Null: it has none.
    virtual std::shared_ptr<const Bootstrap>
    begin_early(PartitionId partition, std::uint64_t file_ident, std::uint64_t cursor,
                const std::shared_ptr<const Bootstrap>& due) = 0;
    // Rebases, applies and stores; all of it or, when it is refused or throws, nothing of it.
    // Refused for good when `work` does not do.
    virtual std::variant<Appended, Refusal> append(PartitionId partition, AppendRequest request,
                                                   Work& work) = 0;
    // What it throws says why nothing of it is done; the transaction is to be taken back then.
    virtual AdministrationResult administer(const Administration& what) = 0;
    // Whether the transaction is there yet, after a call that has thrown: some failures end it.
    virtual bool in_transaction() const = 0;

    // Writes something that means nothing: whether there is room for more.
    virtual void touch() = 0;

    // Reader calls, from any thread, see committed state only.
    virtual Page fetch_page(const PageRequest& request) = 0;
    // The same at once, when memory holds all that it needs and making it costs less than handing
    // it to another thread would: it has no changesets, or few and small ones. O(1).
    virtual std::optional<Page> fetch_recent(const PageRequest& request) = 0;
};

} // namespace realmsync::server
