#include "bindings/realm/live_query.hpp"

#include <algorithm>
#include <numeric>
#include <utility>
#include <vector>

#include "bindings/values/errors.hpp"
#include "bindings/values/without_gil.hpp"
#include "query/tree/needs.hpp"
#include "realm/local_history.hpp"
#include "sqlite/sqlite.hpp"
#include "tables/select.hpp"

namespace py = pybind11;

namespace realmsync::bindings {

namespace {

py::tuple to_tuple(const std::vector<std::uint32_t>& positions) {
    py::tuple result(positions.size());
    for (std::size_t i = 0; i < positions.size(); ++i)
        result[i] = positions[i];
    return result;
}

// Whether objects that were written may change what a query selects, or are among it.
bool concerns(const query::Query& query, const realm::TouchedObjects& touched) {
    const query::Needs needs = query::needs_of(query);
    const bool is_alone = !needs.follows_links && !needs.totals_backlinks && !needs.follows_mixed &&
                          needs.backlinks.empty();
    return is_alone ? touched.has(query.cls->name) : !touched.empty();
}

model::KeyList in_order_of_keys(model::KeyList keys) {
    std::vector<std::uint32_t> order(keys.size());
    std::iota(order.begin(), order.end(), std::uint32_t{0});
    auto is_before = [&](std::uint32_t a, std::uint32_t b) {
        return model::is_less(keys.at(a), keys.at(b));
    };
    if (std::is_sorted(order.begin(), order.end(), is_before))
        return keys;
    std::sort(order.begin(), order.end(), is_before);
    keys.reorder(order);
    return keys;
}

} // namespace

void LiveQueue::push(std::uint64_t number) {
    {
        const std::lock_guard lock(mutex_);
        numbers_.push_back(number);
    }
    arrived_.notify_one();
}

std::uint64_t LiveQueue::pop() {
    std::unique_lock lock(mutex_);
    arrived_.wait(lock, [&] { return !numbers_.empty(); });
    const std::uint64_t number = numbers_.front();
    numbers_.pop_front();
    return number;
}

LiveQuery::LiveQuery(std::shared_ptr<RealmHandle> handle, int cls,
                     std::shared_ptr<CompiledQuery> query, std::shared_ptr<LiveQueue> queue,
                     std::uint64_t number, bool by_key)
    : query_(std::move(query)), queue_(std::move(queue)), number_(number), cls_(cls),
      by_key_(by_key), handle_(std::move(handle)), file_(handle_->file()) {}

LiveQuery::~LiveQuery() {
    if (file_)
        file_->changes().leave(*this);
}

void LiveQuery::begin() { file_->changes().follow(shared_from_this()); }

void LiveQuery::arm() {
    if (is_closed_ || !origin_.is_here())
        return;
    is_armed_ = true;
    std::uint64_t announced = 0;
    {
        const std::lock_guard lock(looking_);
        if (file_)
            announced = file_->changes().announced();
    }
    if (version_ == 0 || announced > version_)
        on_change();
}

void LiveQuery::on_change() {
    if (!is_closed_ && is_armed_.exchange(false))
        queue_->push(number_);
}

model::KeyList LiveQuery::select(realm::RealmConnection& connection,
                                 const query::Query& query) const {
    model::KeyList keys = tables::select(connection.tables, tables::kOnlyPartition, query);
    return by_key_ ? in_order_of_keys(std::move(keys)) : std::move(keys);
}

std::optional<LiveQuery::News> LiveQuery::look_at(realm::RealmConnection& connection,
                                                  realm::ChangeJournal::Look& look) {
    const std::uint64_t version = realm::local_history::newest_version(connection.db);
    const bool is_first = version_ == 0;
    if (version == version_)
        return std::nullopt;
    realm::TouchedObjects touched;
    if (!is_first)
        touched = look.between(connection.db, version_, version);
    const query::QueryPtr query = query_->compiled(connection.tables, connection.tables.schema());
    std::optional<News> news;
    if (is_first || concerns(*query, touched)) {
        model::KeyList keys = select(connection, *query);
        news.emplace(News{{}, connection.db.state(), is_first});
        if (!is_first)
            news->changes = model::changes_between(
                keys_, keys, [&](const Key& key) { return touched.has(query->cls->name, key); });
        keys_ = std::move(keys);
        if (!is_first && news->changes.empty())
            news.reset();
    }
    version_ = version;
    look.arrive(version);
    return news;
}

py::object LiveQuery::look() {
    std::optional<News> news;
    model::KeyList keys;
    try {
        WithoutGil release;
        const std::lock_guard lock(looking_);
        if (!file_)
            return py::none();
        realm::ChangeJournal::Look look(file_->changes(), *this);
        file_->read_aside([&](realm::RealmConnection& connection) {
            const sqlite::Interruption interruption(connection.db,
                                                    [&] { return !is_closed_.load(); });
            sqlite::Transaction snapshot(connection.db, sqlite::Transaction::Mode::read);
            news = look_at(connection, look);
            snapshot.commit();
        });
        if (news)
            keys = keys_;
    } catch (const query::QueryFault& fault) { // of another schema than it was made for
        throw_python(fault, query_->asked_text());
    } catch (const StoreError&) {
        if (!is_closed_)
            throw;
    }
    if (!news || is_closed_ || !handle_)
        return py::none();
    const model::ListChanges& changes = news->changes;
    return py::make_tuple(std::make_shared<Selection>(handle_, cls_, std::move(keys), news->state),
                          to_tuple(changes.deletions), to_tuple(changes.insertions),
                          to_tuple(changes.modifications_old), to_tuple(changes.modifications_new),
                          news->is_first);
}

void LiveQuery::close() {
    is_closed_ = true;
    if (!origin_.is_here()) // a thread of the parent may have been looking
        return;
    {
        WithoutGil release;
        const std::lock_guard lock(looking_);
        if (const auto file = std::exchange(file_, nullptr))
            file->changes().leave(*this);
        keys_ = model::KeyList();
    }
    handle_.reset();
}

void bind_live_query(py::module_& m) {
    py::class_<LiveQueue, std::shared_ptr<LiveQueue>>(m, "LiveQueue")
        .def(py::init(
            [] { return std::shared_ptr<LiveQueue>(new LiveQueue(), DeleteAtHome<LiveQueue>()); }))
        .def("push", &LiveQueue::push)
        .def("pop", &LiveQueue::pop, py::call_guard<WithoutGil>());
    py::class_<LiveQuery, std::shared_ptr<LiveQuery>>(m, "LiveQuery")
        .def(py::init([](std::shared_ptr<RealmHandle> handle, int cls,
                         std::shared_ptr<CompiledQuery> query, std::shared_ptr<LiveQueue> queue,
                         std::uint64_t number, bool by_key) {
                 handle->require_usable();
                 std::shared_ptr<LiveQuery> live(new LiveQuery(std::move(handle), cls,
                                                               std::move(query), std::move(queue),
                                                               number, by_key),
                                                 DeleteAtHome<LiveQuery>());
                 live->begin();
                 return live;
             }),
             py::kw_only(), py::arg("handle"), py::arg("cls"), py::arg("query"), py::arg("queue"),
             py::arg("number"), py::arg("by_key"))
        .def("arm", &LiveQuery::arm, py::call_guard<WithoutGil>())
        .def("nudge", &LiveQuery::nudge)
        .def("look", &LiveQuery::look)
        .def("close", &LiveQuery::close);
}

} // namespace realmsync::bindings
