#include "bindings/realm/live_objects.hpp"

#include <pybind11/stl.h>

#include <utility>
#include <vector>

#include "bindings/values/convert.hpp"
#include "bindings/values/without_gil.hpp"
#include "realm/local_history.hpp"
#include "sqlite/sqlite.hpp"

namespace py = pybind11;

namespace realmsync::bindings {

LiveObjects::LiveObjects(std::shared_ptr<RealmHandle> handle, std::shared_ptr<LiveQueue> queue,
                         std::uint64_t number)
    : queue_(std::move(queue)), number_(number), handle_(std::move(handle)),
      file_(handle_->file()) {}

LiveObjects::~LiveObjects() {
    if (file_)
        file_->changes().leave(*this);
}

void LiveObjects::begin() {
    file_->changes().follow(shared_from_this(), realm::TouchedObjects::Detail::properties);
}

void LiveObjects::add(std::uint64_t observer, int cls, const py::object& key) {
    if (!handle_)
        return;
    Scratch scratch;
    const Key native = handle_->key_of(cls, key, scratch);
    wish({observer, handle_->declared(cls).name, model::ObjectKey(native)});
    on_change();
}

void LiveObjects::remove(std::uint64_t observer) { wish({observer, {}, {}}); }

void LiveObjects::wish(Wish wish) {
    const std::lock_guard lock(mutex_);
    if (file_)
        wishes_.push_back(std::move(wish));
}

void LiveObjects::on_change() {
    if (!is_closed_ && origin_.is_here() && calls_++ == 0)
        queue_->push(number_);
}

void LiveObjects::finish() {
    if (calls_.fetch_sub(answering_) != answering_)
        queue_->push(number_);
}

LiveObjects::News LiveObjects::look_at(realm::RealmConnection& connection,
                                       realm::ChangeJournal::Look& look) {
    std::vector<Wish> wishes;
    {
        const std::lock_guard lock(mutex_);
        wishes = std::exchange(wishes_, {});
    }
    for (const Wish& wish : wishes)
        if (wish.cls.empty())
            observed_.remove(wish.observer);
        else
            observed_.add(wish.observer, wish.cls, wish.key.view());
    const std::uint64_t version = realm::local_history::newest_version(connection.db);
    realm::TouchedObjects touched;
    if (version_ != 0 && version != version_)
        touched = look.between(connection.db, version_, version);
    News news = observed_.look(connection.tables, touched);
    version_ = version;
    look.arrive(version);
    return news;
}

py::list LiveObjects::look() {
    News news;
    try {
        WithoutGil release;
        answering_ = calls_; // what comes from here on is for another look
        std::shared_ptr<realm::RealmFile> file;
        {
            const std::lock_guard lock(mutex_);
            file = file_;
        }
        if (file) {
            file->read_aside([&](realm::RealmConnection& connection) {
                const std::lock_guard lock(looking_);
                if (is_closed_)
                    return;
                realm::ChangeJournal::Look look(file->changes(), *this);
                const sqlite::Interruption interruption(connection.db,
                                                        [&] { return !is_closed_.load(); });
                sqlite::Transaction snapshot(connection.db, sqlite::Transaction::Mode::read);
                news = look_at(connection, look);
                snapshot.commit();
            });
        }
    } catch (const StoreError&) {
        if (!is_closed_)
            throw;
    }
    py::list result;
    if (!is_closed_)
        for (realm::ObservedObjects::News& one : news)
            result.append(
                py::make_tuple(one.number, one.is_first, one.is_deleted, py::cast(one.properties)));
    return result;
}

void LiveObjects::close() {
    is_closed_ = true;
    if (!origin_.is_here()) // a thread of the parent may have been looking
        return;
    {
        WithoutGil release;
        std::shared_ptr<realm::RealmFile> file;
        {
            const std::lock_guard lock(mutex_);
            file = std::exchange(file_, nullptr);
            wishes_.clear();
        }
        const std::lock_guard lock(looking_);
        if (file)
            file->changes().leave(*this);
        observed_ = {};
    }
    handle_.reset();
}

void bind_live_objects(py::module_& m) {
    py::class_<LiveObjects, std::shared_ptr<LiveObjects>>(m, "LiveObjects")
        .def(py::init([](std::shared_ptr<RealmHandle> handle, std::shared_ptr<LiveQueue> queue,
                         std::uint64_t number) {
                 handle->require_usable();
                 std::shared_ptr<LiveObjects> live(
                     new LiveObjects(std::move(handle), std::move(queue), number),
                     DeleteAtHome<LiveObjects>());
                 live->begin();
                 return live;
             }),
             py::kw_only(), py::arg("handle"), py::arg("queue"), py::arg("number"))
        .def("add", &LiveObjects::add, py::arg("observer"), py::arg("cls"), py::arg("key"))
        .def("remove", &LiveObjects::remove, py::arg("observer"), py::call_guard<WithoutGil>())
        .def("nudge", &LiveObjects::on_change)
        .def("look", &LiveObjects::look)
        .def("finish", &LiveObjects::finish)
        .def("close", &LiveObjects::close);
}

} // namespace realmsync::bindings
