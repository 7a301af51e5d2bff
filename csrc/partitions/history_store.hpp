// What the rules of a partition need of a database, as an interface: rows in and out, no decision.
// sqlite_history.hpp implements it; who may do what is admission.hpp's, what is kept in memory and
// when something is written partition_db.hpp's.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "model/key_list.hpp"
#include "model/schema.hpp"
#include "partitions/rows.hpp"
#include "query/tree/needs.hpp"
#include "query/tree/tree.hpp"
#include "query/values/object_reader.hpp"
#include "server/store.hpp"

namespace realmsync::partitions {

using server::PartitionId;

// Stand for no partition, but have a schema: that of the app, and one that is tried out.
inline constexpr PartitionId kWholeApp = 0;
inline constexpr PartitionId kProbe = PartitionId{1} << 40;

// Rows of one snapshot.
class HistoryReader {
  public:
    virtual ~HistoryReader() = default;

    // Nothing where there is no such partition, client file or version of the history.
    virtual std::optional<Head> head(PartitionId id) = 0;
    virtual std::optional<ClientFile> client_file(PartitionId id, std::uint64_t ident) = 0;
    virtual std::optional<std::int64_t> salt(PartitionId id, std::uint64_t version) = 0;
    // The entries after `version`, ascending, until `take` returns false. What was received from
    // the client file `ident` comes without its changeset.
    using Take = std::function<bool(HistoryEntry)>;
    virtual void scan(PartitionId id, std::uint64_t version, std::uint64_t ident,
                      const Take& take) = 0;
    // The same without changesets, up to `last`, with their sizes; and one changeset.
    using TakeHead = std::function<void(HistoryEntry, std::uint64_t size)>;
    virtual void heads(PartitionId id, std::uint64_t version, std::uint64_t last,
                       const TakeHead& take) = 0;
    virtual std::shared_ptr<const std::string> changeset(PartitionId id, std::uint64_t version) = 0;

    // The partition's objects, with the properties that are needed as they are stored; and the keys
    // of those that a query selects, in the order of creation. Both are paid for; select() throws
    // QueryFault (limit) when that does not do.
    virtual model::SchemaPtr schema(PartitionId id) = 0;
    virtual std::unique_ptr<query::ObjectReader> objects(PartitionId id,
                                                         const model::SchemaPtr& schema,
                                                         const query::Needs& needs, Work& work) = 0;
    virtual model::KeyList select(PartitionId id, const query::Query& query, Work& work) = 0;

    // Flexible sync: what the entries after `version` have touched (views/entry_images.hpp), up to
    // `last`; and what was not let through of a client file after `version`. Both ascending.
    using TakeImages = std::function<void(std::uint64_t version, std::string_view bytes)>;
    virtual void images(PartitionId id, std::uint64_t version, std::uint64_t last,
                        const TakeImages& take) = 0;
    virtual std::vector<Compensation> compensations(PartitionId id, std::uint64_t ident,
                                                    std::uint64_t version) = 0;
};

// The writer's view. Everything but begin() and read() needs an open transaction. All members throw
// StoreError for failures of the machine.
class HistoryStore : public virtual HistoryReader {
  public:
    virtual void begin() = 0;
    virtual void commit() = 0; // when it throws, rollback() is still to be called
    virtual void rollback() = 0;
    // Runs `change` and takes back what it has written if it returns false or throws, the whole
    // transaction after some failures. Statements that take long spend of `work`, too.
    virtual void attempt(const std::function<bool()>& change, Work& work) = 0;
    virtual bool in_transaction() const = 0;
    virtual void touch() = 0; // writes something that means nothing
    // From any thread, beside the writer: committed rows.
    virtual void read(const std::function<void(HistoryReader&)>& use) = 0;

    virtual PartitionId find_partition(std::string_view app_id, std::string_view key) = 0; // or 0
    virtual PartitionId create_partition(std::string_view app_id, std::string_view key,
                                         std::string_view user_id, std::int64_t now_ms) = 0;
    virtual Usage usage(std::string_view user_id) = 0;     // linear in his files
    virtual std::vector<PartitionId> partitions() = 0;     // all, ascending
    virtual std::string partition_key(PartitionId id) = 0; // canonical; empty: no such partition

    // A new ident, if there is such a partition: unique in the app.
    virtual std::optional<std::uint64_t> take_ident(PartitionId id) = 0;
    virtual void insert_client_file(PartitionId id, std::uint64_t ident,
                                    const ClientFile& file) = 0;
    // No cursor may go back: `corrupt` if one would.
    virtual void update_client_file(PartitionId id, std::uint64_t ident,
                                    const ClientFile& file) = 0;

    // Partitions with such a client file: databases of older versions gave an ident out in several.
    virtual std::vector<PartitionId> find_client_files(std::uint64_t ident) = 0;
    virtual bool has_client_files() = 0; // any, in the app
    // The client file gets an error of this code, which resets it, instead of being bound.
    virtual void order_reset(PartitionId id, std::uint64_t ident, int code) = 0;
    virtual std::optional<int> ordered_reset(PartitionId id, std::uint64_t ident) = 0;
    // Flexible sync: the version of the schema that a client file is served under; none: its client
    // has never said one.
    virtual std::optional<std::uint64_t> served_version(PartitionId id, std::uint64_t ident) = 0;
    virtual void note_served_version(PartitionId id, std::uint64_t ident,
                                     std::uint64_t version) = 0;
    // The history is empty again, and no client file is known. `code`: they get it as their reset,
    // 0: nothing remembers them.
    virtual void drop_history(PartitionId id, int code) = 0;

    // Raises the head of the partition.
    virtual void insert_entry(PartitionId id, const HistoryEntry& entry, std::uint64_t client_base,
                              std::int64_t now_ms) = 0;
    // Who sent the versions first … last: version, client file, whether the entry is empty.
    using Sender = std::function<void(std::uint64_t, std::uint64_t, bool)>;
    virtual void senders(PartitionId id, std::uint64_t first, std::uint64_t last,
                         const Sender& sender) = 0;
    // The non-empty entries first … last that did not come from the client file `ident`.
    virtual void foreign_entries(PartitionId id, std::uint64_t first, std::uint64_t last,
                                 std::uint64_t ident,
                                 const std::function<void(HistoryEntry)>& take) = 0;

    // Entries in the form that merges with this file's changes gave them (merge-rules.md 2.2).
    using Reciprocal = std::function<void(std::uint64_t version, std::string_view bytes)>;
    virtual void reciprocals(PartitionId id, std::uint64_t ident, std::uint64_t after,
                             const Reciprocal& take) = 0;
    virtual void store_reciprocal(PartitionId id, std::uint64_t ident, std::uint64_t version,
                                  std::string_view bytes) = 0;
    virtual void drop_reciprocals(PartitionId id, std::uint64_t ident, std::uint64_t up_to) = 0;

    // Whether uploads are refused that add to what partitions have.
    virtual void fix_schema(bool is_fixed) = 0;
    // Changes the partition's objects. Throws ErrorException for what cannot be applied.
    virtual void apply(PartitionId id, std::span<const server::UploadedChangeset> uploads,
                       Work& work) = 0;
    // All of them, with their schema, as changesets of some size.
    using TakeChangeset = std::function<void(std::string)>;
    virtual void snapshot(PartitionId id, const TakeChangeset& take) = 0;

    // The schema of the app: what its configuration has declared, as a changeset; what is used is
    // the schema of kWholeApp. Which version of that a partition has been told.
    virtual std::optional<std::string> declared_schema() = 0;
    virtual void declare_schema(std::string_view changeset) = 0;
    virtual std::int64_t schema_version(PartitionId id) = 0; // rises with every change
    virtual std::vector<PartitionId> partitions_behind(std::int64_t version, std::size_t limit) = 0;
    virtual void note_announced(PartitionId id, std::int64_t version) = 0;

    // Flexible sync. Properties that views have asked about, which images have from then on.
    virtual void insert_images(PartitionId id, std::uint64_t version, std::string_view bytes) = 0;
    virtual std::vector<std::pair<std::string, std::string>> asked(PartitionId id) = 0;
    virtual void add_asked(PartitionId id, std::string_view cls, std::string_view property) = 0;
    virtual std::vector<StoredView> stored_views(PartitionId id, std::uint64_t ident) = 0;
    virtual void put_view(PartitionId id, std::uint64_t ident, const StoredView& view) = 0;
    virtual void drop_view(PartitionId id, std::uint64_t ident, std::uint64_t number) = 0;
    // From now on, queries for values of this property of any class need not look at all objects.
    virtual void index_property(PartitionId id, std::string_view property) = 0;
    virtual void add_compensation(PartitionId id, std::uint64_t ident,
                                  const Compensation& compensation) = 0;
    virtual void drop_compensations(PartitionId id, std::uint64_t ident, std::uint64_t up_to) = 0;
    // Those after `version` come later: with the entry `to`.
    virtual void put_off_compensations(PartitionId id, std::uint64_t ident, std::uint64_t version,
                                       std::uint64_t to) = 0;
};

} // namespace realmsync::partitions
