// A data set in the form of the recorded queries, as objects in memory that evaluators are asked
// of.
#pragma once

#include <pybind11/pybind11.h>

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "model/schema.hpp"
#include "query/values/image.hpp"

namespace realmsync::bindings::testbed {

// Embedded objects are images, too, so that links of theirs are found.
class RecordedWorld : public query::Graph {
  public:
    explicit RecordedWorld(const pybind11::dict& dataset);

    const model::SchemaPtr& schema() const { return schema_; }
    const std::vector<std::string>& full_text() const { return full_text_; }
    const std::vector<query::Image>& objects(const model::Class& cls) { return images_[&cls]; }
    const model::Class& class_named(const std::string& name) const; // or KeyError

    const query::Image* target(const model::Class& cls, const Key& key) override;
    void sources(const model::Class& cls, std::size_t property, const query::Image& to,
                 const std::function<bool(const query::Image&)>& visit) override;

  private:
    void add(const model::Class& cls, std::vector<model::Value> values);
    void add_embedded(const model::Class& cls, const model::Value* values, std::size_t count);
    void add_embedded(const model::Class& cls, const model::Value& value);

    model::SchemaPtr schema_;
    std::vector<std::string> full_text_;
    LinkTarget scratch_;
    std::vector<std::unique_ptr<std::vector<model::Value>>> kept_;
    std::map<const model::Class*, std::vector<query::Image>> images_;
    std::map<std::pair<const model::Class*, std::string>, const query::Image*> by_key_;
};

} // namespace realmsync::bindings::testbed
