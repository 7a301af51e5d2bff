#include "realm/write_transaction.hpp"

#include <algorithm>
#include <utility>

#include "changeset/codec.hpp"
#include "realm/below.hpp"
#include "realm/home_partition.hpp"
#include "realm/local_history.hpp"
#include "realm/migration.hpp"
#include "realm/subscription_store.hpp"
#include "tables/catalog.hpp"
#include "tables/column_index.hpp"
#include "tables/columns.hpp"
#include "tables/text_index.hpp"

namespace realmsync::realm {

using changeset::Address;
using changeset::Writer;

namespace {

// Of a QUERY, far below what a message may have.
constexpr std::size_t kMaxQueryBody = std::size_t{16} << 20;

Address address(const tables::Target& target) {
    return {target.cls->name, target.key, target.cls->properties[target.property].name,
            target.path};
}

[[noreturn]] void out_of_bounds(std::size_t index, std::size_t size) {
    raise(ErrorKind::out_of_bounds, "index " + std::to_string(index) +
                                        " is out of range: the list has " + std::to_string(size) +
                                        " elements");
}

} // namespace

WriteTransaction::WriteTransaction(std::shared_ptr<RealmFile> file, WriterQueue::Turn&& turn,
                                   std::chrono::milliseconds patience)
    : file_(std::move(file)) {
    writing_.emplace(*file_, std::move(turn), patience);
}

WriteTransaction::~WriteTransaction() { end(); }

void WriteTransaction::rollback() noexcept { end(); }

// A writing that is not committed rolls back when it goes.
void WriteTransaction::end() noexcept {
    applier_.reset();
    writing_.reset();
    file_.reset();
}

// One changeset is never divided: what no server takes would stop the realm's uploads for good.
void WriteTransaction::check_size(std::size_t bytes) const {
    if (!file_->is_synced() || bytes <= kMaxSyncedChangeset)
        return;
    raise(ErrorKind::limit_exceeded,
          "the transaction is too large to be synchronised: " + std::to_string(bytes) +
              " bytes as a changeset, at most " + std::to_string(kMaxSyncedChangeset) +
              " are possible; write in several transactions");
}

WriteTransaction::Committed WriteTransaction::commit(std::uint64_t now, bool deferred) {
    Committed committed{};
    try {
        flush_pending();
        clear_asymmetric();
        const std::string changeset = writer_.take();
        check_size(changeset.size());
        committed.version =
            local_history::append_local(connection().db, now, is_rewritten_ ? "" : changeset);
        if (is_rewritten_)
            local_history::forget_before(connection().db, committed.version);
        if (file_->is_migrated())
            migration::cover(connection().db, connection().tables.schema(), committed.version);
        committed.ticket = writing_->commit(
            committed.version, deferred ? RealmFile::Commit::deferred : RealmFile::Commit::local,
            [&](TouchedObjects& touched) {
                if (is_untold_)
                    touched.add_unknown();
                else if (!changeset.empty())
                    touched.add(value_or_throw(changeset::parse_borrowed(changeset)));
            });
    } catch (...) {
        end();
        throw;
    }
    end();
    return committed;
}

void WriteTransaction::require_subscriptions() {
    creatable_ = subscription_store::writable_classes(connection().db);
}

std::int64_t WriteTransaction::add_subscriptions(const SubscriptionList& list) {
    sqlite::Database& db = connection().db;
    const std::int64_t version =
        subscription_store::add(db, list, local_history::newest_version(db) + 1);
    const std::size_t bytes = subscription_store::body(db, version).size();
    if (bytes > kMaxQueryBody)
        raise(ErrorKind::limit_exceeded, "the subscriptions have " + std::to_string(bytes) +
                                             " bytes, at most " + std::to_string(kMaxQueryBody) +
                                             " are possible");
    return version;
}

// Once per class, as far as bulk inserts go.
void WriteTransaction::note_creation(const model::Class& cls) {
    if (cls.kind == TableKind::asymmetric)
        asymmetric_.insert(cls.table);
    else if (creatable_ && !creatable_->contains(cls.name))
        throw NoSubscription(cls.name);
}

// They are on their way by the changeset, and nothing is left of them (flexible-sync.md 13).
void WriteTransaction::clear_asymmetric() {
    for (const std::string& table : asymmetric_)
        connection().db.exec("DELETE FROM " + tables::quote(table));
}

std::string WriteTransaction::take_changeset() {
    flush_pending();
    names_ = {};
    return writer_.take();
}

// Where the disk is full, part of what was pending may be written, and SQLite may have rolled back
// all by itself: what it is then asked to write would be a transaction of its own.
void WriteTransaction::require_sound() const {
    if (failure_)
        std::rethrow_exception(failure_);
    if (!writing_->connection().db.in_transaction())
        throw StoreError(StoreFault::other,
                         "the transaction was rolled back by a failure to write");
}

tables::Applier& WriteTransaction::applier() {
    require_sound();
    if (!applier_)
        applier_.emplace(tables());
    return *applier_;
}

void WriteTransaction::flush_objects() {
    require_sound();
    whole_.clear();
    if (!applier_)
        return;
    try {
        applier_->flush();
    } catch (const StoreError&) {
        failure_ = std::current_exception();
        throw;
    }
    applier_.reset();
}

void WriteTransaction::flush_pending() {
    flush_objects();
    tables::Tables& tables = writing_->connection().tables;
    if (tables.catalog().has_additions())
        tables.schema();
}

model::SchemaPtr WriteTransaction::schema() { return tables().schema(); }

RealmConnection& WriteTransaction::connection() {
    flush_pending();
    return writing_->connection();
}

void WriteTransaction::add_class(std::string_view name, TableKind kind, std::string_view key_name,
                                 Type key_type, bool key_nullable) {
    flush_objects();
    if (tables().catalog().add_class(tables::kOnlyPartition, name, kind, key_name, key_type,
                                     key_nullable))
        writer_.add_table(name, kind, key_name, key_type, key_nullable);
}

void WriteTransaction::add_property(std::string_view cls, std::string_view name, Type type,
                                    bool nullable, Collection collection, std::string_view target) {
    flush_objects();
    if (tables().catalog().add_property(tables::kOnlyPartition, cls, name, type, nullable,
                                        collection, target))
        writer_.add_column(cls, name, type, nullable, collection, target);
}

void WriteTransaction::index_text(std::string_view cls_name, std::string_view property,
                                  bool wanted) {
    flush_pending();
    const model::SchemaPtr schema = tables().schema();
    const model::Class& cls = *schema->find(cls_name);
    (wanted ? tables::text_index::create : tables::text_index::drop)(
        writing_->connection().db, cls, cls.properties[cls.find(property)]);
}

void WriteTransaction::index_column(std::string_view cls_name, std::string_view property,
                                    bool wanted) {
    flush_pending();
    const model::SchemaPtr schema = tables().schema();
    const model::Class& cls = *schema->find(cls_name);
    const model::Property& definition = cls.properties[cls.find(property)];
    if (wanted)
        tables::column_index::create(tables(), cls, definition);
    else
        tables::column_index::drop(tables().db(), cls, definition);
}

void WriteTransaction::declare_class(std::string_view name, TableKind kind,
                                     std::string_view key_name, Type key_type, bool key_nullable) {
    flush_objects();
    tables().catalog().add_class(tables::kOnlyPartition, name, kind, key_name, key_type,
                                 key_nullable);
    writer_.add_table(name, kind, key_name, key_type, key_nullable);
}

void WriteTransaction::declare_property(std::string_view cls, std::string_view name, Type type,
                                        bool nullable, Collection collection,
                                        std::string_view target) {
    flush_objects();
    tables().catalog().add_property(tables::kOnlyPartition, cls, name, type, nullable, collection,
                                    target);
    writer_.add_column(cls, name, type, nullable, collection, target);
}

// What a server knows of, or is going to hear of, is no more than its history says.
void WriteTransaction::require_local() {
    sqlite::Database& db = connection().db;
    if (local_history::load(db).file.ident != 0 || home_partition::find(db) ||
        subscription_store::is_there(db))
        raise(ErrorKind::illegal_operation,
              file_->path() + " is synchronised: classes and properties can be added to it, and "
                              "no more. Copy it with write_copy_to, and change the copy");
}

void WriteTransaction::rewrite(const tables::Rewriting& what) {
    require_local();
    if (!tables::rewrite(tables(), what))
        return;
    names_ = {};
    whole_.clear();
    is_untold_ = is_rewritten_ = true;
}

void WriteTransaction::begin_anew() {
    require_local();
    tables().catalog().erase_all(tables::kOnlyPartition);
    local_history::begin_anew(connection().db);
    take_changeset();
    is_untold_ = true;
}

bool WriteTransaction::exists(const model::Class& cls, const Key& key) {
    if (applier_)
        return applier_->exists(cls, key);
    return tables().exists(tables::kOnlyPartition, cls, key);
}

bool WriteTransaction::create(const model::Class& cls, const Key& key,
                              std::span<const Scalar> values, std::span<const Given> given) {
    if (names_.cls != &cls)
        note_creation(cls);
    flush_pending();
    if (!tables().insert(tables::kOnlyPartition, cls, key, values))
        return false;
    Names& ids = names(cls);
    if (!ids.table)
        ids.table = writer_.intern(cls.name);
    writer_.create_object(*ids.table, key);
    for (std::size_t i = 0; i < given.size(); ++i) {
        if (given[i] == Given::no)
            continue;
        if (!ids.fields[i])
            ids.fields[i] = writer_.intern(cls.properties[i].name);
        writer_.update(*ids.table, key, *ids.fields[i], values[i], given[i] == Given::as_default);
    }
    return true;
}

WriteTransaction::Names& WriteTransaction::names(const model::Class& cls) {
    if (names_.cls != &cls) {
        names_ = {&cls, std::nullopt, {}};
        names_.fields.resize(cls.properties.size());
    }
    return names_;
}

void WriteTransaction::create(const model::Class& cls, const Key& key) {
    note_creation(cls);
    applier().create_object(cls, key);
    writer_.create_object(cls.name, key);
}

void WriteTransaction::erase(const model::Class& cls, const Key& key) {
    flush_pending();
    const model::SchemaPtr schema = this->schema();
    // Everybody sees the links go before their target does (section 11.6).
    for (auto& link : tables().incoming(tables::kOnlyPartition, *schema, cls, key)) {
        std::vector<changeset::Step> path;
        for (const auto& step : link.path) {
            if (const auto* index = std::get_if<std::uint32_t>(&step))
                path.push_back({false, *index, {}});
            else
                path.push_back({true, 0, std::get<std::string>(step)});
        }
        const model::ObjectKey owner = std::move(link.key);
        tables::Target target{link.cls, owner.view(), link.property, path};
        unlink(target, LinkTarget{cls.name, key});
    }
    applier().erase_object(cls, key);
    writer_.erase_object(cls.name, key);
}

// An element of a list goes with its index, of a set with its value; other places become null.
void WriteTransaction::unlink(tables::Target target, const LinkTarget& link) {
    Scalar value;
    if (target.path.empty() || target.path.back().is_string)
        return set(target, value);
    const std::uint32_t index = target.path.back().index;
    target.path = target.path.first(target.path.size() - 1);
    const model::Value* collection = peek(target).value;
    if (!collection || !collection->set())
        return list_erase(target, index);
    value.type = Type::link;
    value.link = &link;
    set_erase(target, value);
}

model::Place WriteTransaction::peek(const tables::Target& target) {
    const model::Value* value = applier().peek(*target.cls, target.key, target.property);
    if (!value)
        raise(ErrorKind::invalidated_object, "Accessing object of type " + target.cls->name +
                                                 " which has been invalidated or deleted");
    auto place = model::find_place(applier().schema(), target.cls->properties[target.property],
                                   *value, target.path);
    if (!place)
        raise(ErrorKind::stale_accessor, "this collection or embedded object is no more");
    return *place;
}

const model::Value* WriteTransaction::peek(const model::Class& cls, const Key& key,
                                           std::size_t property) {
    return applier().peek(cls, key, property);
}

bool WriteTransaction::is_dangling(const model::Value& value) {
    const model::Link* link = value.link();
    if (link == nullptr)
        return false;
    const model::Class* target = applier().schema().find(link->table);
    return target == nullptr || target->embedded() || !applier().exists(*target, link->key.view());
}

// What Tables::hide_dangling() would change.
bool WriteTransaction::has_dangling(const model::Property& property, const model::Value& value) {
    if (property.type != kMixed && property.type != Type::link)
        return false;
    const auto is_hidden = [&](const model::Value& item) { return has_dangling(property, item); };
    if (const model::List* list = value.list())
        return std::any_of(list->items.begin(), list->items.end(), is_hidden);
    if (const model::Set* set = value.set())
        return property.is_link() && std::any_of(set->items.begin(), set->items.end(), is_hidden);
    if (const model::Dictionary* dictionary = value.dictionary())
        return std::any_of(dictionary->items.begin(), dictionary->items.end(),
                           [&](const auto& entry) { return is_hidden(entry.second); });
    if (const model::Embedded* object = value.embedded()) {
        const model::Class* cls = applier().schema().find(property.target);
        for (std::size_t i = 0; i < object->properties.size(); ++i)
            if (has_dangling(cls->properties[i], object->properties[i]))
                return true;
        return false;
    }
    return is_dangling(value);
}

bool WriteTransaction::has_hidden(const model::Class& cls, const Key& key, std::size_t property) {
    const model::Property& definition = cls.properties[property];
    if (definition.type != kMixed && definition.type != Type::link)
        return false;
    const auto is_it = [&](const Whole& one) {
        return one.cls == &cls && one.property == property && model::equal(one.key.view(), key);
    };
    if (std::any_of(whole_.begin(), whole_.end(), is_it))
        return false;
    const model::Value* value = peek(cls, key, property);
    if (value == nullptr)
        return false;
    if (has_dangling(definition, *value))
        return true;
    constexpr std::size_t kMost = 4; // loops over a few at once
    if (value->is_container()) {
        if (whole_.size() == kMost)
            whole_.erase(whole_.begin());
        whole_.push_back({&cls, model::ObjectKey(key), property});
    }
    return false;
}

void WriteTransaction::set(const tables::Target& target, const Scalar& value, bool is_default) {
    applier().update(target, value);
    writer_.update(address(target), value, is_default);
}

void WriteTransaction::erase_key(const tables::Target& target) {
    if (!peek(target).value)
        return;
    Scalar erased;
    erased.type = Type::erased;
    set(target, erased);
}

void WriteTransaction::add_integer(const tables::Target& target, std::int64_t amount) {
    applier().add_integer(target, amount);
    writer_.add_integer(address(target), amount);
}

void WriteTransaction::list_insert(const tables::Target& target, std::size_t index,
                                   const Scalar& value) {
    const model::Value* list = peek(target).value;
    const std::size_t size = list && list->list() ? list->list()->items.size() : 0;
    if (index > size)
        out_of_bounds(index, size);
    const Below element(target, index);
    applier().array_insert(*element, value);
    writer_.array_insert(address(*element), value, static_cast<std::uint32_t>(size));
}

void WriteTransaction::list_set(const tables::Target& target, std::size_t index,
                                const Scalar& value) {
    const model::Value* list = peek(target).value;
    const std::size_t size = list && list->list() ? list->list()->items.size() : 0;
    if (index >= size)
        out_of_bounds(index, size);
    const Below element(target, index);
    applier().update(*element, value);
    writer_.update(address(*element), value, static_cast<std::uint32_t>(size));
}

void WriteTransaction::list_erase(const tables::Target& target, std::size_t index) {
    const model::Value* list = peek(target).value;
    const std::size_t size = list && list->list() ? list->list()->items.size() : 0;
    if (index >= size)
        out_of_bounds(index, size);
    const Below element(target, index);
    applier().array_erase(*element);
    writer_.array_erase(address(*element), static_cast<std::uint32_t>(size));
}

void WriteTransaction::list_move(const tables::Target& target, std::size_t from, std::size_t to) {
    const model::Value* list = peek(target).value;
    const std::size_t size = list && list->list() ? list->list()->items.size() : 0;
    if (from >= size)
        out_of_bounds(from, size);
    if (to >= size)
        out_of_bounds(to, size);
    if (from == to)
        return;
    const Below element(target, from);
    applier().array_move(*element, static_cast<std::uint32_t>(to));
    writer_.array_move(address(*element), static_cast<std::uint32_t>(to),
                       static_cast<std::uint32_t>(size));
}

namespace {

bool contains(const model::Place& place, const Scalar& scalar) {
    const model::Set* set = place.value ? place.value->set() : nullptr;
    if (!set)
        return false;
    const model::Value value(scalar);
    const std::size_t at = set->items.lower_bound(
        [&](const model::Value& item) { return model::compare(item, value) < 0; });
    return at != set->items.size() && model::compare(set->items[at], value) == 0;
}

} // namespace

bool WriteTransaction::set_insert(const tables::Target& target, const Scalar& value) {
    if (contains(peek(target), value))
        return false;
    applier().set_insert(target, value);
    writer_.set_insert(address(target), value);
    return true;
}

bool WriteTransaction::set_erase(const tables::Target& target, const Scalar& value) {
    if (!contains(peek(target), value))
        return false;
    applier().set_erase(target, value);
    writer_.set_erase(address(target), value);
    return true;
}

void WriteTransaction::clear(const tables::Target& target, Collection collection) {
    const model::Place place = peek(target);
    bool empty = true;
    if (place.value) {
        if (const model::List* list = place.value->list())
            empty = list->items.empty();
        else if (const model::Dictionary* dictionary = place.value->dictionary())
            empty = dictionary->items.empty();
        else if (const model::Set* set = place.value->set())
            empty = set->items.empty();
    }
    // In a Mixed the Clear is what makes an assignment an overwrite (11.5).
    if (empty && place.collection() != Collection::single)
        return;
    applier().clear(target, collection);
    writer_.clear(address(target), collection);
}

WriteTransaction::Undo::Undo(WriteTransaction& transaction) : transaction_(transaction) {
    savepoint_.emplace(transaction.connection().db);
    mark_ = transaction.writer_.mark();
}

void WriteTransaction::Undo::keep() {
    transaction_.flush_pending();
    savepoint_->release();
    savepoint_.reset();
}

WriteTransaction::Undo::~Undo() {
    if (!savepoint_)
        return;
    transaction_.applier_.reset(); // what it holds back goes too
    transaction_.whole_.clear();
    try {
        savepoint_->rollback();
        transaction_.failure_ = nullptr; // what was half-written is gone
    } catch (...) {
        transaction_.failure_ = std::current_exception();
    }
    transaction_.writer_.rewind(mark_);
    transaction_.names_ = {};
}

WriteTransaction::UndoInsertion::UndoInsertion(WriteTransaction& transaction,
                                               const tables::Target& list, std::size_t index)
    : transaction_(transaction), list_(list), index_(index), size_(size()),
      mark_(transaction.writer_.mark()) {}

std::size_t WriteTransaction::UndoInsertion::size() const {
    const model::Value* value = transaction_.peek(list_).value;
    return value && value->list() ? value->list()->items.size() : 0;
}

WriteTransaction::UndoInsertion::~UndoInsertion() {
    if (is_kept_)
        return;
    try {
        undo();
    } catch (...) {
        transaction_.failure_ = std::current_exception();
    }
}

void WriteTransaction::UndoInsertion::undo() {
    if (size() != size_) // it came so far
        transaction_.applier().array_erase(*Below(list_, index_));
    transaction_.writer_.rewind(mark_);
    transaction_.names_ = {};
}

} // namespace realmsync::realm
