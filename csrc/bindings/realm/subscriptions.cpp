// Subscription sets for Python: what a file has, and the list that an update edits
// (realmsync/sync/subscriptions.py). A subscription is a tuple (id, created, updated, name, class,
// query), with times in milliseconds since 1970.
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <optional>
#include <string>

#include "bindings/realm/subscriptions.hpp"
#include "bindings/realm/writer_turn.hpp"
#include "bindings/values/without_gil.hpp"
#include "realm/client_reset.hpp"
#include "realm/realm_file.hpp"
#include "realm/subscription_list.hpp"
#include "realm/subscription_store.hpp"

namespace py = pybind11;

namespace realmsync::bindings {

namespace {

using realm::RealmFile;
using realm::Subscription;
using realm::SubscriptionList;

py::tuple to_tuple(const Subscription& s) {
    return py::make_tuple(py::bytes(s.id), s.created_ms, s.updated_ms, s.name, s.cls, s.query);
}

py::object found(const Subscription* s) { return s ? py::object(to_tuple(*s)) : py::none(); }

py::list items(const SubscriptionList& list) {
    py::list result;
    for (const Subscription& s : list.items())
        result.append(to_tuple(s));
    return result;
}

py::tuple insert_or_assign(SubscriptionList& list, const py::bytes& id, std::int64_t now_ms,
                           std::optional<std::string> name, std::string cls, std::string query) {
    const auto [s, is_new] = list.insert_or_assign(
        {std::string(id), now_ms, now_ms, std::move(name), std::move(cls), std::move(query)});
    return py::make_tuple(to_tuple(s), is_new);
}

void set_error(const char* name, const std::exception& e) {
    PyErr_SetString(py::module_::import("realmsync.errors").attr(name).ptr(), e.what());
}

// Whether it was ever synchronised that way.
bool is_flexible(RealmFile& file) {
    bool result = false;
    file.read_briefly([&](realm::RealmConnection& connection) {
        result = realm::subscription_store::is_there(connection.db);
    });
    return result;
}

// As (version, code of the state, text of the error, list); the latest one without a version. None:
// there is no such set, or no more.
py::object subscription_set(RealmFile& file, std::optional<std::int64_t> version) {
    std::optional<client::SubscriptionSet> set;
    SubscriptionList list;
    {
        WithoutGil unlocked;
        file.read([&](realm::RealmConnection& connection) {
            const sqlite::Transaction snapshot(connection.db, sqlite::Transaction::Mode::read);
            const auto all = realm::subscription_store::load(connection.db);
            if (const auto* it = all.find(version.value_or(all.latest()))) {
                set = *it;
                list = realm::subscription_store::subscriptions(connection.db, it->version);
            }
        });
    }
    if (!set)
        return py::none();
    return py::make_tuple(set->version, static_cast<int>(set->state), set->error, std::move(list));
}

} // namespace

void bind_subscription_sets(py::module_& m) {
    py::register_exception_translator([](std::exception_ptr pointer) {
        try {
            if (pointer)
                std::rethrow_exception(pointer);
        } catch (const realm::NoSubscription& e) {
            set_error("NoSubscriptionForWriteError", e);
        } catch (const realm::OtherSyncMode& e) {
            set_error("MismatchedConfigError", e);
        }
    });
    py::class_<SubscriptionList>(m, "SubscriptionList")
        .def(py::init<>())
        .def("items", &items)
        .def("find_name", [](const SubscriptionList& list,
                             const std::string& name) { return found(list.find(name)); })
        .def("find_query", [](const SubscriptionList& list, const std::string& cls,
                              const std::string& query) { return found(list.find(cls, query)); })
        .def("insert_or_assign", &insert_or_assign, py::arg("id"), py::arg("now_ms"),
             py::arg("name"), py::arg("cls"), py::arg("query"))
        .def("erase_name", &SubscriptionList::erase_name)
        .def("erase_query", &SubscriptionList::erase_query)
        .def("erase_id", [](SubscriptionList& list,
                            const py::bytes& id) { return list.erase_id(std::string(id)); })
        .def("erase_class", &SubscriptionList::erase_class)
        .def("erase_unnamed", &SubscriptionList::erase_unnamed)
        .def("clear", &SubscriptionList::clear);
    m.def("subscription_set", &subscription_set, py::arg("file"), py::arg("version") = py::none());
    m.def(
        "claim_flexible",
        [](const std::shared_ptr<RealmFile>& file) {
            {
                WithoutGil unlocked;
                if (file->try_claim_flexible())
                    return;
            }
            auto turn = wait_for_turn(*file, caller(), std::nullopt);
            WithoutGil unlocked;
            file->claim_flexible(std::move(turn));
        },
        py::arg("file"));
    m.def("is_flexible", &is_flexible, py::arg("file"), py::call_guard<WithoutGil>());
    m.def("import_subscriptions", &realm::import_subscriptions, py::arg("source"),
          py::arg("target"), py::arg("now"), py::call_guard<WithoutGil>());
    m.def("subscribe_to_all", &realm::subscribe_to_all, py::arg("target"), py::arg("query"),
          py::arg("now"), py::call_guard<WithoutGil>());
}

} // namespace realmsync::bindings
