"""The way of the data: from samples, or a model, to a class map and all that lies beside it.

```
opened_map      outputs, inputs, rasters, samples: all checked first         mapping/opened
learn           features, classifier, temperature, two accuracies            landcover/training
found_objects   everything that the network finds, or polygons of the user   mapping/found_objects
run_job         blocks -> features -> probabilities -> parts                 landcover/classify
decide          parts -> objects -> small pieces -> COG                      landcover/map_rows
write_partition map -> polygons without gap or overlap                       class_maps/partition
assess          independent points -> areas with intervals                   accuracy/assess
map_record      how the map came about; the report is drawn from it          mapping/record
```
A block that fails is nodata in the map, is named in the record and keeps the parts, so that the
job can be resumed.
"""
