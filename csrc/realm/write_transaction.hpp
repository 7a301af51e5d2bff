// The writes of one local transaction: each changes the typed tables (apply.hpp) and records the
// instructions that changeset-format.md section 11 prescribes, in the order in which they happen.
// Values have the types of their places: bindings/values/convert.cpp sees to it. What is checked
// here is checked before anything is changed; after an exception of any other kind than
// ErrorException the transaction can only be rolled back. Columns are written row by row through
// create().
#pragma once

#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "changeset/writer.hpp"
#include "model/place.hpp"
#include "realm/realm_file.hpp"
#include "realm/subscription_list.hpp"
#include "tables/apply.hpp"
#include "tables/schema_rewrite.hpp"

namespace realmsync::realm {

// What fits a message of 64 MiB together with its head and the entry's (wire-protocol.md 8.4).
inline constexpr std::size_t kMaxSyncedChangeset = (std::size_t{64} << 20) - 1024;

// Class and property by name are resolved by the caller, against schema() of this transaction.
class WriteTransaction {
  public:
    // As RealmFile::Writing.
    WriteTransaction(std::shared_ptr<RealmFile> file, WriterQueue::Turn&& turn,
                     std::chrono::milliseconds patience);
    ~WriteTransaction(); // rolls back unless it has ended
    WriteTransaction(const WriteTransaction&) = delete;

    struct Committed {
        std::uint64_t version; // the new one
        std::uint64_t ticket;  // for RealmFile::flush(); 0 unless deferred
    };
    // Durable on return unless deferred. `now`: ms since 2015-01-01. On an exception the
    // transaction is rolled back.
    Committed commit(std::uint64_t now, bool deferred = false);
    void rollback() noexcept;
    // What was recorded since the last call, for one that is never committed.
    std::string take_changeset();

    model::SchemaPtr schema();
    // The connection with everything written so far in its tables.
    RealmConnection& connection();
    // Writes the changed objects that are held back, and lets go of them.
    void flush_objects();
    void flush_pending(); // additions to the schema, too

    // Schema. No-ops when the same definition exists; ErrorException when it contradicts.
    void add_class(std::string_view name, TableKind kind, std::string_view key_name, Type key_type,
                   bool key_nullable);
    void add_property(std::string_view cls, std::string_view name, Type type, bool nullable,
                      Collection collection, std::string_view target);

    // Makes the full-text index of a property of the schema, or drops it. Nothing is recorded.
    void index_text(std::string_view cls, std::string_view property, bool wanted);
    // The same of an index of its values.
    void index_column(std::string_view cls, std::string_view property, bool wanted);

    // The same as add_…, recorded even where the definition exists.
    void declare_class(std::string_view name, TableKind kind, std::string_view key_name,
                       Type key_type, bool key_nullable);
    void declare_property(std::string_view cls, std::string_view name, Type type, bool nullable,
                          Collection collection, std::string_view target);

    // Of flexible sync: from now on only objects of classes that the latest subscription set asks
    // for can be created; NoSubscription.
    void require_subscriptions();
    // A new subscription set, which the commit makes a part of the file: its version.
    std::int64_t add_subscriptions(const SubscriptionList& list);

    // Of local files, illegal_operation for others; no changeset can tell either. Another schema,
    // with the objects in the form for it: the history begins behind this transaction.
    // RewriteFailed.
    void rewrite(const tables::Rewriting& what);
    // No class at all: as in a new file.
    void begin_anew();

    // Objects. Those of asymmetric classes are there until the commit, which sends them away.
    bool exists(const model::Class& cls, const Key& key);
    // A new object with scalars and links, by property index; `given` says which are recorded and
    // whether as a default, the others are stored only. False, and nothing done, when the key is
    // taken. O(log n).
    enum class Given : std::uint8_t { no, yes, as_default };
    bool create(const model::Class& cls, const Key& key, std::span<const Scalar> values,
                std::span<const Given> given);
    // Without values.
    void create(const model::Class& cls, const Key& key);
    // Nullifies incoming links first: scans the classes that may hold one.
    void erase(const model::Class& cls, const Key& key);

    bool has_changes() const { return !writer_.empty(); }
    // What lies at a place, pending changes and hidden links included; valid until the next
    // write. ErrorException: invalidated_object, or stale_accessor when the path leads nowhere.
    model::Place peek(const tables::Target& target);
    // The same of a whole property; null if there is no such object.
    const model::Value* peek(const model::Class& cls, const Key& key, std::size_t property);
    // Whether readers do not see all of it, as it has links to objects that are not there. O(links)
    // the first time.
    bool has_hidden(const model::Class& cls, const Key& key, std::size_t property);

    // Single values and dictionary values; markers for embedded objects and collections too.
    void set(const tables::Target& target, const Scalar& value, bool is_default = false);
    void erase_key(const tables::Target& target);                        // no-op when absent
    void add_integer(const tables::Target& target, std::int64_t amount); // to one that is there

    // Lists: `target` is the list, indexes count hidden links. out_of_bounds is checked.
    void list_insert(const tables::Target& target, std::size_t index, const Scalar& value);
    void list_set(const tables::Target& target, std::size_t index, const Scalar& value);
    void list_erase(const tables::Target& target, std::size_t index);
    void list_move(const tables::Target& target, std::size_t from, std::size_t to);
    // Sets: whether something changed.
    bool set_insert(const tables::Target& target, const Scalar& value);
    bool set_erase(const tables::Target& target, const Scalar& value);
    // Every kind. Nothing is recorded for an empty one that is a property of its own.
    void clear(const tables::Target& target, Collection collection);

    // Undoes everything since its construction unless it is kept.
    class Undo {
      public:
        explicit Undo(WriteTransaction& transaction);
        ~Undo();
        void keep();

      private:
        WriteTransaction& transaction_;
        std::optional<sqlite::Savepoint> savepoint_;
        changeset::Writer::Mark mark_;
    };
    // The same for the insertion of an element of a list and what came into it, but that objects
    // stay that were created: without writing what is pending, which an Undo does.
    class UndoInsertion {
      public:
        UndoInsertion(WriteTransaction& transaction, const tables::Target& list, std::size_t index);
        ~UndoInsertion();
        void keep() { is_kept_ = true; }

      private:
        std::size_t size() const;
        void undo();

        WriteTransaction& transaction_;
        const tables::Target& list_;
        const std::size_t index_, size_;
        changeset::Writer::Mark mark_;
        bool is_kept_ = false;
    };

  private:
    // Ids of a class's names in writer_, filled in as they are used; bulk inserts spare the
    // look-ups.
    struct Names {
        const model::Class* cls = nullptr;
        std::optional<changeset::StringId> table;
        std::vector<std::optional<changeset::StringId>> fields;
    };
    Names& names(const model::Class& cls);
    void unlink(tables::Target target, const LinkTarget& link); // `target` holds the link
    tables::Applier& applier();
    bool is_dangling(const model::Value& value);
    bool has_dangling(const model::Property& property, const model::Value& value);
    void require_sound() const;
    void check_size(std::size_t changeset_bytes) const;
    void note_creation(const model::Class& cls);
    void clear_asymmetric();
    void require_local();
    void end() noexcept;
    tables::Tables& tables() const { return writing_->connection().tables; }

    // Both empty after the end.
    std::shared_ptr<RealmFile> file_;
    std::optional<RealmFile::Writing> writing_;
    std::optional<tables::Applier> applier_;
    changeset::Writer writer_;
    Names names_; // of the class that create() saw last
    std::optional<std::set<std::string, std::less<>>> creatable_; // classes; none: all
    bool is_untold_ = false;           // it has done what no changeset tells,
    bool is_rewritten_ = false;        // nor any later one
    std::exception_ptr failure_;       // of the machine: what is half-written is never committed
    std::set<std::string> asymmetric_; // tables of classes of which objects were created
    // Of containers that were looked through last, those without hidden links. Whatever is written
    // beside them links to objects that are there, and erase() unlinks.
    struct Whole {
        const model::Class* cls;
        model::ObjectKey key;
        std::size_t property;
    };
    std::vector<Whole> whole_;
};

} // namespace realmsync::realm
