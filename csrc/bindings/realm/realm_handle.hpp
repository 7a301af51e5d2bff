// What realmsync.Realm holds: the file, the declared classes in the numbering that Python uses, and
// the current write transaction. Its lifecycle is in realm.cpp, the schema in schema.cpp, objects
// of a class in objects.cpp, columns at once in realm_bulk.cpp; what is done with an object and
// what is inside of it is place.hpp. Every method is called with the GIL, by one thread at a time.
#pragma once

#include <pybind11/pybind11.h>

#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/assert.hpp"
#include "base/process.hpp"
#include "bindings/realm/recent_values.hpp"
#include "bindings/realm/writer_turn.hpp"
#include "bindings/values/convert.hpp"
#include "bindings/values/declared.hpp"
#include "bindings/values/without_gil.hpp"
#include "realm/realm_file.hpp"
#include "realm/schema_version.hpp"
#include "realm/write_transaction.hpp"

namespace realmsync::bindings {

class CompiledQuery; // query.hpp
class Place;         // place.hpp
class Selection;     // query.hpp

// The declared classes in one connection's schema. Absent classes are null.
struct Resolved {
    model::SchemaPtr schema;
    std::vector<const model::Class*> classes;
    std::vector<std::vector<std::size_t>> properties;
};

// What create() does when an object with the key exists (data-model.md 18.3): raises, or sets the
// given properties, of those only what differs or all.
enum class OnExisting { refuse, update_changed, update_all };

class RealmHandle : public std::enable_shared_from_this<RealmHandle> {
  public:
    // `realm` is the realmsync.Realm, which makes accessors: _make_object, _make_collection.
    RealmHandle(std::shared_ptr<realm::RealmFile> file, const pybind11::object& realm)
        : file_(std::move(file)), realm_(realm),
          make_object_(pybind11::type::of(realm).attr("_make_object")),
          make_collection_(pybind11::type::of(realm).attr("_make_collection")) {}

    const std::shared_ptr<realm::RealmFile>& file() const { return file_; }
    // Once, before anything that has to do with classes.
    void declare(std::vector<DeclaredClass> classes);
    // Until close(): MismatchedConfigError while others of this process have another version. None:
    // the schema may grow without one.
    void enter_version(std::optional<std::int64_t> version);
    // Of the file, or of the transaction; -1: it is new.
    std::int64_t schema_version();
    // What the file needs for what is declared (realm/schema_version.hpp). `version`: of that.
    realm::SchemaStep schema_step(realm::SchemaMode mode, std::optional<std::int64_t> version);
    void add_schema(std::optional<std::int64_t> version); // in a transaction
    // Migrations, in a transaction (migration.cpp). The declaration is that of the callback: what
    // is contradicted by the file becomes as declared, properties that are not declared stay.
    void begin_migration(std::int64_t version);
    void rename_property(int cls, const std::string& from, const std::string& to);
    // All becomes as `final` declares, and the classes named are deleted. `keys`: tuples (class,
    // primary key, what it becomes). `is_lenient` as in tables/schema_rewrite.hpp.
    void end_migration(const RealmHandle& final, const std::vector<std::string>& deleted,
                       const pybind11::list& keys, bool is_lenient);
    void delete_class(const std::string& name); // with its objects; also without a migration
    void begin_anew();                          // nothing is left
    std::vector<DeclaredClass> file_schema();   // as if it had been declared, without defaults
    void close();

    // ForkedProcessError in a child of the process that opened it, ClosedRealmError after close().
    void require_usable() const;
    // Transactions belong to the thread and task that began them; others' writes are refused
    // (writer_turn.hpp). A number for adopt().
    std::uint64_t begin(std::optional<double> timeout); // blocks; in seconds
    std::uint64_t try_begin();                          // 0: somebody writes or waits
    // Raises for a task that would wait for itself.
    void refuse_nested() const;
    // 0 while it is not the turn of the ticket or another process writes.
    std::uint64_t begin_granted(WriteTicket& ticket);
    // Whether the transaction with this number is still open: the caller's from now on.
    bool adopt(std::uint64_t number);
    // The ticket for flush(); 0 unless deferred. Ends the transaction, whatever happens.
    std::uint64_t commit(std::uint64_t now, bool deferred);
    PendingCommit take_commit(); // has ended for this realm
    void rollback();
    // The transaction is for subscriptions and nothing else from here on: those of the latest set,
    // to be edited, and then the version of the new one.
    realm::SubscriptionList edit_subscriptions();
    std::int64_t add_subscriptions(const realm::SubscriptionList& list);
    void require_unchanged(); // no transaction of the caller's has changed anything
    bool writing() const { return transaction_ != nullptr; }
    bool mine() const { return transaction_ && owner_.is_caller(); }
    bool changing() const { return changing_ > 0; }       // a write is under way
    std::uint64_t transactions() const { return begun_; } // how many there were

    // Objects of a class. Reading sees what a transaction has written too.
    bool exists(int cls, const Key& key);
    pybind11::object accessor(int cls, pybind11::object key); // whether it exists or not
    pybind11::object find(int cls, pybind11::object key);     // None when there is none
    std::uint64_t count(int cls);
    pybind11::list keys(int cls, pybind11::object after, std::size_t limit);
    pybind11::object create(int cls, pybind11::object values, OnExisting on_existing);
    // Queries (query.cpp). `base`: what is asked, null for all objects of the class. `mapping` has
    // tuples (class, property, path) and (class, alias). QueryError.
    std::shared_ptr<CompiledQuery> query(int cls, std::shared_ptr<CompiledQuery> base,
                                         std::string text, const pybind11::list& arguments,
                                         const pybind11::list& mapping);
    // Without the GIL; KeyboardInterrupt and whatever else handlers of signals raise ends it.
    // `members`: a list or set of objects of the class that is asked instead of all, or null.
    std::shared_ptr<Selection> select(const std::shared_ptr<CompiledQuery>& query,
                                      const Place* members);
    bool is_current(const sqlite::DataState& state);
    pybind11::object aggregate(const Selection& selection, const std::string& operation,
                               int property);
    // In bulk: how many. Columns are tuples (property number, Arrow array) or (property number,
    // sequence or buffer, mask or None, ticks per second or 0), of which the rows from `first`
    // are taken, at most `limit`, and no more after `time` seconds. All or nothing;
    // KeyboardInterrupt and whatever else handlers of signals raise comes through. Whether nothing
    // is left.
    std::pair<std::size_t, bool> create_rows(int cls, pybind11::iterator rows, std::size_t limit,
                                             OnExisting on_existing, std::optional<double> time);
    std::pair<std::size_t, bool> create_columns(int cls, pybind11::list columns, std::size_t first,
                                                std::size_t limit, OnExisting on_existing,
                                                std::optional<double> time);
    // Around a load in several calls: undo() takes back what came after mark(), unless keep().
    void mark();
    void keep();
    void undo();

    // For places and for what writes to them.
    const DeclaredClass& declared(int cls) const {
        return classes_.at(static_cast<std::size_t>(cls));
    }
    Key key_of(int cls, pybind11::handle key, Scratch& scratch) const;
    // The value of a property of an object. `parts`: what lies inside will be asked for, too.
    Seen see(int cls, const Key& key, int property, bool parts);
    pybind11::object make_object(Place place) const; // or an embedded one
    pybind11::object make_collection(Collection kind, Place place) const;
    pybind11::object make_link(const model::Link& link); // None for a class that is not declared
    const Resolved& writing_schema();

  private:
    friend class Change;
    std::shared_ptr<const ReadValue> read(int cls, const Key& key, int property, bool parts);
    realm::WriteTransaction& transaction();        // the caller's; else raises
    realm::WriteTransaction& object_transaction(); // the same, unless it is for subscriptions
    // Whether it is this thread's to use for reading; others read what is committed.
    bool in_transaction() const { return transaction_ && owner_.is_of_this_thread(); }
    void require_free() const; // raises what speaks against beginning
    void require_settled() const;
    std::uint64_t begun(std::unique_ptr<realm::WriteTransaction> transaction, TurnOwner owner);
    std::unique_ptr<realm::WriteTransaction> // the one before
    set_transaction(std::unique_ptr<realm::WriteTransaction> transaction);
    const Resolved& resolve(Resolved& resolved, model::SchemaPtr schema);
    template <class Use> void with_connection(Use use);
    void leave_version();
    void add_to(realm::WriteTransaction& transaction) const;
    void rewrite(const tables::Rewriting& what);
    template <class Use> auto with_tables(Use use);
    template <class Use> auto with_snapshot(Use use);

    Origin origin_;
    std::shared_ptr<realm::RealmFile> file_;
    pybind11::weakref realm_; // it holds us
    pybind11::object make_object_, make_collection_;
    std::vector<DeclaredClass> classes_;
    std::unordered_map<std::string, int> by_name_;
    model::SchemaPtr declared_;                          // classes_ as the core has schemas
    std::optional<std::optional<std::int64_t>> version_; // entered
    Resolved reader_, writer_;
    std::unique_ptr<realm::WriteTransaction> transaction_;
    std::optional<realm::WriteTransaction::Undo> load_; // of transaction_, goes before it
    TurnOwner owner_;                                   // of transaction_
    std::uint64_t begun_ = 0;                           // transactions
    bool is_of_subscriptions_ = false;                  // transaction_
    bool writer_current_ = false;                       // writer_ is the schema of transaction_
    RecentValues recent_;
    int changing_ = 0; // Changes that live
};

// Runs use(tables, resolved) on the transaction's connection, or on the reader without the GIL:
// use must not touch Python.
template <class Use> auto RealmHandle::with_tables(Use use) {
    using Result = decltype(use(std::declval<tables::Tables&>(), std::declval<const Resolved&>()));
    require_usable();
    if (in_transaction()) {
        const Resolved& resolved = writing_schema();
        return use(transaction_->connection().tables, resolved);
    }
    std::optional<Result> result;
    WithoutGil release;
    file_->read([&](realm::RealmConnection& c) {
        result = use(c.tables, resolve(reader_, c.tables.schema()));
    });
    return std::move(*result);
}

// Lives as long as a write: values read before it are forgotten, and none is remembered meanwhile,
// since iterables and defaults of the application may read between its instructions.
class Change {
  public:
    explicit Change(RealmHandle& handle) // WrongTransactionStateError outside of a transaction
        : handle_(handle), transaction_(handle.object_transaction()) {
        ++handle_.changing_;
        handle_.recent_.forget();
    }
    ~Change() {
        REALMSYNC_ASSERT(handle_.changing_ > 0);
        --handle_.changing_;
    }
    Change(const Change&) = delete;
    realm::WriteTransaction& transaction() const { return transaction_; }

  private:
    RealmHandle& handle_;
    realm::WriteTransaction& transaction_;
};

void bind_schema_steps(pybind11::module_& m);

} // namespace realmsync::bindings
